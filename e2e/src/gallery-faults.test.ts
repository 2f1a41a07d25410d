import { startKafka } from '@image-stream/local-kafka';
import type { KafkaCluster } from '@image-stream/local-kafka';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeBrowser, noBrowser, openPage } from './browser.test-support.ts';
import { expectPictures, get, startGallery, tiles, until, widthOf } from './gallery.test-support.ts';
import { succeed } from './programs.test-support.ts';

let kafka: KafkaCluster;
beforeAll(async () => {
  // A broker that was killed may come back soon.
  kafka = await startKafka({ config: { 'broker.session.timeout.ms': '2000' } });
});
afterAll(async () => {
  await closeBrowser();
  await kafka.stop();
});

describe.skipIf(noBrowser !== undefined)(`a page of a gallery whose Kafka ${noBrowser ?? ''}`, () => {
  test('hangs says so, and a picture that cannot be had can be asked for again', async () => {
    const [broker] = kafka.brokers;
    const { page, url, health } = await opened('hangs');
    const readiness = async (): Promise<unknown[]> => {
      const response = await fetch(`${health}/readyz`);
      return [response.status, await response.text()];
    };
    await until(async () => (await readiness())[0] === 200);
    await broker!.pause();
    try {
      await page.getByText('No answer from Kafka').waitFor();
      expect(await page.locator('#state').getAttribute('data-state')).toBe('problem');
      const part = get(`${url}/images?from=0@0`);
      await tiles(page).first().click();
      // Statistics go out all the same: it counts.
      await page.getByText(/^for [5-9] s$/).waitFor();
      const alert = page.getByRole('dialog').getByRole('alert');
      await alert.waitFor();
      const reason = 'Kafka has not answered in time; try again';
      expect(await alert.innerText()).toBe(reason);
      const notReady = /^{"status":"not ready","reason":"no answer from Kafka for \d+ s"}\n$/;
      await until(async () => (await readiness())[0] === 503);
      expect(await readiness()).toEqual([503, expect.stringMatching(notReady)]);
      expect((await fetch(`${health}/healthz`)).status).toBe(200);
      expect(await part).toMatchObject({ status: 504, body: `${JSON.stringify({ error: reason })}\n` });
    } finally {
      broker!.resume();
    }
    // A broker that has just come back may be late once more.
    const again = page.getByRole('button', { name: 'Try again' });
    const isShown = async (): Promise<boolean> => {
      if (await again.isVisible()) {
        await again.click({ timeout: 5000 }).catch(() => {});
      }
      return await widthOf(page, '#viewer-image', 64);
    };
    await expect.poll(isShown, { timeout: 60_000 }).toBe(true);
    await page.keyboard.press('Escape');
    await page.getByText('Live', { exact: true }).waitFor();
    await until(async () => (await readiness())[0] === 200);
  });

  test('is killed says so, in its own words, and goes on when it is back', async () => {
    const [broker] = kafka.brokers;
    const { page, url, topic } = await opened('killed');
    await broker!.kill();
    await page.getByText('No answer from Kafka').waitFor();
    const asked = get(`${url}/images/0/0/details`);
    await tiles(page).first().click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    const told = await page.locator('body').innerText();
    const { status, body } = await asked;
    expect(status).toBeGreaterThan(502);
    for (const text of [told, body]) {
      expect(text).not.toMatch(/KafkaJS|ECONN|broker|lock|127\.0\.0\.1/i);
    }
    await broker!.restart();
    await page.keyboard.press('Escape');
    await page.getByText('Live', { exact: true }).waitFor();
    await send(topic, 1);
    await page.getByRole('button', { name: '1 new' }).click();
    await expectPictures(page, 3);
  });
});

/** A page that shows two pictures of a topic. */
async function opened(topic: string): Promise<{ page: Page; url: string; health: string; topic: string }> {
  await send(topic, 2);
  const args = ['-bs', kafka.bootstrapServers, '-t', topic, '--port', '0', '--metrics-port', '0'];
  const { url, gallery } = await startGallery(...args);
  const health = /metrics on (http:\S+)/.exec(gallery.log())![1]!;
  const { page } = await openPage(url);
  await expectPictures(page, 2);
  await page.getByText('Live', { exact: true }).waitFor();
  return { page, url, health, topic };
}

async function send(topic: string, count: number): Promise<void> {
  const size = ['--width', '64', '--height', '64'];
  await succeed('producer', ['-bs', kafka.bootstrapServers, '-t', topic, '-n', String(count), ...size]);
}
