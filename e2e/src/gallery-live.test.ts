import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { closeBrowser, noBrowser, openPage } from './browser.test-support.ts';
import {
  event,
  expectPictures,
  get,
  sendPictures,
  serve,
  startGallery,
  tiles,
  until,
} from './gallery.test-support.ts';
import { createTopic, send } from './kafka.test-support.ts';
import { peakMemoryOf, start } from './programs.test-support.ts';

afterAll(closeBrowser);
const withBrowser = describe.skipIf(noBrowser !== undefined);

withBrowser(`a page that is live ${noBrowser ?? ''}`, () => {
  test('shows some of more than there is time for, each with its picture, says so, and shows all on wish', async () => {
    const topic = await createTopic();
    const { page, errors } = await openPage(await serve(topic));
    const size = ['--width', '64', '--height', '64'];
    const producer = start('producer', ['-t', topic, '-n', '600', '--rate', '300', ...size, '--quiet']);
    await page.getByText(/^showing [\d.]+ of \d+ a second$/).waitFor();
    let looks = 0;
    for (; producer.process.exitCode === null; looks += 1) {
      const { shown, withPicture } = await inView(page);
      expect(withPicture).toBe(shown);
    }
    expect(looks).toBeGreaterThan(1);
    expect((await inView(page)).shown).toBeGreaterThan(5);
    // Those in between can be had as well.
    await page.getByText('There was no time to show all pictures as they came.').waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByText('Looking back', { exact: true }).waitFor();
    await tiles(page).nth(36).waitFor();
    const keys = await page
      .locator('#grid li')
      .evaluateAll((all) => all.map((tile) => (tile as unknown as { dataset: { key: string } }).dataset.key));
    const [newest] = keys.map((key) => Number(key.split('/').at(-1)));
    expect(keys).toEqual(keys.map((_, index) => `images/0/${newest! - index}`));
    expect(errors).toEqual([]);
  });

  test('holds still while the pointer or the focus is among the pictures, and says how many are new', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 2);
    const { page } = await openPage(await serve(topic));
    await expectPictures(page, 2);
    await tiles(page).first().hover();
    await sendPictures(topic, 3);
    await page.getByRole('button', { name: '3 new' }).waitFor();
    expect(await tiles(page).count()).toBe(2);
    await page.mouse.move(0, 0);
    await expectPictures(page, 5);

    await page.keyboard.press('ArrowRight');
    await sendPictures(topic, 2);
    await page.getByRole('button', { name: '2 new' }).waitFor();
    expect(await tiles(page).count()).toBe(5);
    await page.getByRole('button', { name: '2 new' }).click();
    await expectPictures(page, 7);
  });

  test('opens the picture that was aimed at, as the button goes down', async () => {
    const topic = await createTopic();
    const { page } = await openPage(await serve(topic));
    const size = ['--width', '64', '--height', '64'];
    start('producer', ['-t', topic, '-n', '300', '--rate', '20', ...size, '--quiet']);
    await tiles(page).nth(8).waitFor();
    for (const column of [0, 1, 2, 3]) {
      // A place in the first row, whatever is there by then.
      await page.mouse.move(140 + 240 * column, 300);
      const name = await page.locator('#grid button:hover .name').innerText();
      await page.getByRole('button', { name: /new$/ }).waitFor();
      await page.mouse.down();
      await page.getByRole('dialog', { name }).waitFor();
      await page.mouse.up();
      await page.getByRole('dialog', { name }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /new$/ }).click();
    }
  });

  test('says why the server refuses it, and is live by itself once it does not', async () => {
    const topic = await createTopic();
    const url = await serve(topic);
    const others = await sockets(url, '/events', 64);
    const { page } = await openPage(url);
    await page.getByText('64 pages are open already; close one; trying again').waitFor();
    others.forEach((one) => one.destroy());
    await page.getByText('Live', { exact: true }).waitFor();
  });

  test('says that the gallery hangs or is gone, and is live again by itself', async () => {
    const topic = await createTopic();
    const { url, gallery } = await startGallery('-t', topic, '--port', '0');
    const { page } = await openPage(url);
    await page.getByText('Live', { exact: true }).waitFor();
    gallery.process.kill('SIGSTOP');
    await page.getByText('The connection to the gallery broke off; trying again').waitFor();
    gallery.process.kill('SIGCONT');
    await page.getByText('Live', { exact: true }).waitFor();
    gallery.process.kill('SIGKILL');
    await page.getByText('The gallery does not answer; trying again').waitFor();
    await startGallery('-t', topic, '--port', new URL(url).port);
    await page.getByText('Live', { exact: true }).waitFor();
    await sendPictures(topic, 1);
    await expectPictures(page, 1);
  });

  test('lets go of its connection while it is hidden, so that any number of tabs can be open', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 1);
    const url = await serve(topic);
    const { page } = await openPage(url);
    await expectPictures(page, 1);
    const pages = [page];
    for (let tab = 0; tab < 7; tab += 1) {
      await setVisible(pages.at(-1)!, false);
      const next = await page.context().newPage();
      await next.goto(url);
      await expectPictures(next, 1);
      pages.push(next);
    }
    await sendPictures(topic, 1);
    await expectPictures(pages.at(-1)!, 2);
    expect(await tiles(page).count()).toBe(1);
    await setVisible(page, true);
    await expectPictures(page, 2);
  });

  test('asks for thumbnails of what is in view, and for those no more that are gone', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 100);
    const url = await serve(topic);
    const { page } = await openPage('about:blank');
    const asked = new Set<string>();
    const dropped = new Set<string>();
    await page.route('**/thumbnail?*', () => {});
    page.on('request', (request) => void (request.url().includes('/thumbnail?') && asked.add(request.url())));
    page.on('requestfailed', (request) => void dropped.add(request.url()));
    await page.goto(url);
    await tiles(page).nth(99).waitFor();
    await until(async () => asked.size > 0);
    await page.keyboard.press('/');
    await page.keyboard.type('nobody');
    await until(async () => dropped.size === asked.size);
    expect(asked.size).toBeLessThan(60);
    await page.unroute('**/thumbnail?*');
    await page.getByLabel('Filter by customer').fill('');
    await until(async () => {
      const { shown, withPicture } = await inView(page);
      return shown > 0 && withPicture === shown;
    });
  });
});

describe('readers that do not read', () => {
  test('take a bounded amount of memory, are dropped, and others are served after them', async () => {
    const topic = await createTopic();
    const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
    const large = sharp({ create: { width: 1600, height: 1600, channels: 3, background: 'red', noise } });
    await send(topic, { key: 'a', value: await large.png().toBuffer(), headers: event });
    const { url, gallery } = await startGallery('-t', topic, '--port', '0');
    const before = await get(`${url}/images/0/0/image`);
    expect([before.status, Number(before.headers['content-length']) > 5e6]).toEqual([200, true]);
    const peak = peakMemoryOf(gallery);
    await sockets(url, '/images/0/0/image', 100);
    await sockets(url, '/images/0/0/original', 100);
    await until(async () => (await get(`${url}/images/0/0/image`)).status === 200);
    // All of it at once would be more than twice as much.
    expect(peak()).toBeLessThan(600e6);
  });
});

/** Sends a request on each of so many connections, and reads nothing. */
async function sockets(url: string, path: string, count: number): Promise<Socket[]> {
  const { hostname, port, host } = new URL(url);
  const all = Array.from({ length: count }, () => {
    const socket = connect({ host: hostname, port: Number(port) });
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    return socket;
  });
  await Promise.all(all.map((socket) => once(socket, 'connect')));
  await setImmediate();
  return all;
}

/** A browser without a window has no hidden pages, and so the page is told that it is one. */
async function setVisible(page: Page, isVisible: boolean): Promise<void> {
  await page.evaluate((visible) => {
    const { document, Event } = globalThis as unknown as {
      document: EventTarget;
      Event: typeof globalThis.Event;
    };
    Object.defineProperty(document, 'hidden', { configurable: true, value: !visible });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isVisible);
}

/** How many tiles can be seen, and how many of them have their picture. */
async function inView(page: Page): Promise<{ shown: number; withPicture: number }> {
  return page.locator('#grid li').evaluateAll((all) => {
    const elements = all as unknown as {
      getBoundingClientRect(): { top: number };
      querySelector(what: string): { naturalWidth: number } | null;
    }[];
    const { innerHeight } = globalThis as unknown as { innerHeight: number };
    const seen = elements.filter((element) => element.getBoundingClientRect().top < innerHeight);
    const full = seen.filter((element) => (element.querySelector('img')?.naturalWidth ?? 0) > 0);
    return { shown: seen.length, withPicture: full.length };
  });
}
