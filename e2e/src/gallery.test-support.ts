import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { IncomingMessage } from 'node:http';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { expect, onTestFinished } from 'vitest';
import { send } from './kafka.test-support.ts';
import { start } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';

export const event = {
  ce_specversion: '1.0',
  ce_type: 'picture',
  ce_source: '/test',
  ce_id: 'a',
  ce_customerid: 'garden',
};

export async function png(background: string): Promise<Buffer> {
  return sharp({ create: { width: 60, height: 40, channels: 3, background } })
    .png()
    .toBuffer();
}

/** Starts a gallery that ends with the test. @returns where it is */
export async function serve(topic: string, ...args: string[]): Promise<string> {
  const { url } = await startGallery('-t', topic, '--port', '0', ...args);
  return url;
}

/** Starts a gallery that ends with the test, and waits until it answers. */
export async function startGallery(
  ...args: string[]
): Promise<{ readonly url: string; readonly gallery: Running }> {
  const gallery = start('gallery', args);
  onTestFinished(async () => {
    gallery.process.kill();
    await gallery.ended;
  });
  const { log } = gallery;
  await Promise.race([until(async () => log().includes(' are on http://')), once(gallery.process, 'exit')]);
  return { url: / are on (http:\/\/\S+)/.exec(log())?.[1] ?? expect.fail(log()), gallery };
}

/** Pictures of 60 x 40 pixels, no two of one id. */
export async function sendPictures(topic: string, count: number, customer = 'garden'): Promise<void> {
  const value = await png('olive');
  const records = Array.from({ length: count }, () => {
    const id = randomUUID();
    return { key: id, value, headers: { ...event, ce_id: id, ce_customerid: customer } };
  });
  await send(topic, ...records);
}

export const tiles = (page: Page) => page.locator('#grid button');

/** So many tiles have their pictures. @throws Error with what the page shows instead */
export async function expectPictures(page: Page, count: number): Promise<void> {
  const areThere = (): Promise<boolean> =>
    page
      .locator('#grid img')
      .evaluateAll(
        (images, expected) =>
          images.length === expected &&
          images.every((image) => (image as unknown as { naturalWidth: number }).naturalWidth > 0),
        count,
      );
  await until(areThere).catch(async (cause: unknown) => {
    const shown = await page.locator('body').innerHTML();
    throw new Error(`there are not ${count} pictures on the page: ${shown}`, { cause });
  });
}

export async function widthOf(page: Page, selector: string, width: number): Promise<boolean> {
  return page
    .locator(selector)
    .evaluate(
      (image, expected) => (image as unknown as { naturalWidth: number }).naturalWidth === expected,
      width,
    );
}

export async function until(isTrue: () => Promise<boolean>): Promise<void> {
  await expect.poll(isTrue, { timeout: 20_000 }).toBe(true);
}

/** @param host of the header. @param path as it is, without what `URL` would mend */
export async function get(url: string, host?: string, path?: string) {
  const { hostname, port, pathname, search } = new URL(url);
  const sent = request({
    hostname,
    port,
    path: path ?? `${pathname}${search}`,
    headers: host === undefined ? {} : { host },
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}
