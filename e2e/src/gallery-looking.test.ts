import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { encodeNpy } from '@image-stream/codec';
import axe from 'axe-core';
import type { Message } from 'kafkajs';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { closeBrowser, noBrowser, openPage } from './browser.test-support.ts';
import { temporaryFolder } from './files.test-support.ts';
import {
  event,
  expectPictures,
  get,
  png,
  sendPictures,
  serve,
  tiles,
  until,
  widthOf,
} from './gallery.test-support.ts';
import { createTopic, recreateTopic, removeBefore, send, sendTogether } from './kafka.test-support.ts';
import { succeed } from './programs.test-support.ts';

afterAll(closeBrowser);
const withBrowser = describe.skipIf(noBrowser !== undefined);

const phone = { viewport: { width: 390, height: 664 }, isMobile: true, hasTouch: true };

withBrowser(`the address of the page ${noBrowser ?? ''}`, () => {
  test('says what is looked at: after a reload, back and forward, and for somebody else', async () => {
    const topic = await createTopic();
    await sendTogether(topic, [
      await picture('first', { ce_customerid: 'harbour' }),
      ...(await pictures(200)),
      await picture('last', { ce_customerid: 'harbour' }),
    ]);
    const url = await serve(topic);
    const { page, errors } = await openPage(`${url}?topic=${topic}`);
    await tiles(page).nth(100).waitFor();
    await page.getByLabel('Filter by customer').fill('HARB');
    await until(async () => (await namesOf(page)).join() === 'last,first');
    await tiles(page).nth(1).click();
    await page.getByRole('dialog', { name: 'first' }).waitFor();
    expect(queryOf(page)).toEqual({ topic, customer: 'HARB', open: 'images/0/0' });
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.getByRole('dialog', { name: 'last' }).waitFor();
    const link = page.url();

    await page.reload();
    await page.getByRole('dialog', { name: 'last' }).waitFor();
    await page.goBack();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(queryOf(page)).toEqual({ topic, customer: 'HARB' });
    await until(async () => (await namesOf(page)).join() === 'last,first');
    await page.goBack();
    await until(async () => (await namesOf(page)).length > 100);
    expect(await page.getByLabel('Filter by customer').inputValue()).toBe('');
    await page.goForward();
    await until(async () => (await namesOf(page)).join() === 'last,first');
    await page.goForward();
    await page.getByRole('dialog', { name: 'last' }).waitFor();
    // Closed by hand, it is as if one had gone back.
    await page.keyboard.press('Escape');
    await until(async () => queryOf(page)['open'] === undefined);

    const other = (await openPage(link)).page;
    await other.getByRole('dialog', { name: 'last' }).waitFor();
    await other.getByRole('button', { name: 'Close' }).click();
    await until(async () => (await namesOf(other)).join() === 'last,first');
    expect(queryOf(other)).toEqual({ topic, customer: 'HARB' });
    expect(errors).toEqual([]);
  });

  test('names the place that was scrolled to, and a picture that is not loaded', async () => {
    const topic = await createTopic(2);
    await sendTogether(topic, await pictures(400));
    const url = await serve(topic);
    const { page } = await openPage(url);
    await tiles(page).nth(100).waitFor();
    await scrollUntil(page, 'down', async () => (await namesOf(page)).includes('n-100'));
    await until(async () => queryOf(page)['at'] === (await placeAtTop(page)));
    const names = await namesInView(page);
    await page.reload();
    await until(async () => (await namesInView(page)).some((name) => names.includes(name)));
    await page.getByText('Looking back', { exact: true }).waitFor();
    await page.goBack();
    await page.getByText('Live', { exact: true }).waitFor();

    await page.goto(`${url}?open=images/0/3`);
    await page.getByRole('dialog', { name: /^n-\d+$/ }).waitFor();
    await page.goto(`${url}?open=images/0/9999`);
    await page.getByText('There is no record at 0@9999').waitFor();
  });
});

withBrowser(`scrolling ${noBrowser ?? ''}`, () => {
  test('leads to the beginning of the topic with no picture left out, and back, in a bounded page', async () => {
    const topic = await createTopic(3);
    // The clocks of producers differ.
    await sendTogether(topic, await pictures(700, (index) => Date.now() - ((index * 7_919_731) % 1e7)));
    const { page, errors } = await openPage(await serve(topic));
    await tiles(page).nth(100).waitFor();
    const all = Array.from({ length: 700 }, (_, index) => `n-${index}`).toSorted();
    const seen = new Set<string>();
    const end = page.getByText('This is the beginning of the topic.');
    await scrollUntil(page, 'down', async () => {
      const isEnd = await end.isVisible();
      const names = await namesOf(page);
      expect(new Set(names).size).toBe(names.length);
      expect(names.length).toBeLessThan(410);
      names.forEach((name) => seen.add(name));
      return isEnd;
    });
    expect([...seen].toSorted()).toEqual(all);
    const again = new Set<string>();
    await scrollUntil(page, 'up', async () => {
      const names = await namesOf(page);
      expect(names.length).toBeLessThan(410);
      names.forEach((name) => again.add(name));
      return again.size === 700;
    });
    await page.getByRole('button', { name: 'Back to live' }).click();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.mouse.move(0, 0);
    await send(topic, await picture('new'));
    await page.getByText('new', { exact: true }).waitFor();
    expect(errors).toEqual([]);
  });

  test('ends where retention has removed what was before, and says so', async () => {
    const topic = await createTopic();
    await sendTogether(topic, await pictures(12));
    await removeBefore(topic, 5);
    const { page } = await openPage(await serve(topic));
    await page
      .getByText('The topic begins here: 5 older records were removed from it, by retention or by hand.')
      .waitFor();
    expect(await namesOf(page)).toHaveLength(7);
  });

  test('finds an id on the server, says how far it has looked, and can be stopped', async () => {
    const topic = await createTopic();
    // More than is looked at for one answer.
    await sendTogether(topic, [await picture('needle-7')]);
    for (let index = 0; index < 90; index += 10) {
      const value = randomBytes(1e6);
      const records = Array.from({ length: 10 }, (_, one) => ({
        value,
        headers: headers(`hay-${index + one}`),
      }));
      await sendTogether(topic, records, 5);
    }
    // And so many that it is not among what is live.
    await sendTogether(topic, await pictures(130));
    const { page } = await openPage(await serve(topic));
    await tiles(page).nth(100).waitFor();
    let held: (() => Promise<void>)[] = [];
    let count = 0;
    await page.route('**/images?*', async (route) => {
      count += 1;
      await (count === 1
        ? route.continue()
        : new Promise<void>((resolve) => {
            held.push(async () => {
              await route.continue().catch(() => {});
              resolve();
            });
          }));
    });
    await page.getByLabel('Find an id').fill('NEEDLE');
    const progress = page.locator('#end-text');
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    await until(async () => held.length === 1);
    expect(await progress.innerText()).toMatch(/^Looked at 1?\d\d records, back to .*\d{4}/);
    const dropped = page.waitForEvent('requestfailed');
    await page.getByRole('button', { name: 'Stop' }).click();
    expect((await dropped).url()).toContain('id=NEEDLE');
    await page.unroute('**/images?*');
    await page.getByRole('button', { name: 'Go on' }).click();
    await until(async () => (await namesOf(page)).join() === 'needle-7');
    await page
      .getByText(/^Looked at 221 records, back to .*\. This is the beginning of the topic\.$/)
      .waitFor();
    held.forEach((release) => void release());
  });

  test('begins at a time that is said with its date, and a time that there is not is refused', async () => {
    const topic = await createTopic();
    const noon = new Date();
    noon.setDate(noon.getDate() - 1);
    noon.setHours(12, 0, 0, 0);
    await sendTogether(topic, await pictures(60, (index) => noon.getTime() + (index - 30) * 60_000));
    const { page } = await openPage(await serve(topic));
    await tiles(page).nth(59).waitFor();
    const place = page.getByLabel('Go to a time');
    await place.fill('25:99');
    await place.press('Enter');
    await page
      .getByRole('alert')
      .getByText(/^That is no place: write a time such as 14:05/)
      .waitFor();
    expect(queryOf(page)).toEqual({});
    await place.fill(`${noon.toISOString().slice(0, 10)} 12:00`);
    await place.press('Enter');
    const words = noon.toLocaleString('en-US', { dateStyle: 'full', timeStyle: 'medium' });
    await page.getByText(`At ${words}: what is newer is above, what is older below`).waitFor();
    await until(async () => (await namesInView(page)).includes('n-30'));
    // A clock time is the last one that there was.
    const later = new Date(Date.now() + 60_000);
    await place.fill(`${later.getHours()}:${String(later.getMinutes()).padStart(2, '0')}`);
    await place.press('Enter');
    later.setDate(later.getDate() - 1);
    await page.getByText(later.toLocaleDateString('en-US', { dateStyle: 'full' })).waitFor();
  });
});

withBrowser(`the viewer ${noBrowser ?? ''}`, () => {
  test('makes a panorama readable with wheel, mouse, keys and fingers', async () => {
    const topic = await createTopic();
    const value = await sharp({ create: { width: 8000, height: 600, channels: 3, background: 'olive' } })
      .png()
      .toBuffer();
    await send(topic, { value, headers: headers('panorama') });
    const url = await serve(topic);
    const { page, errors } = await openPage(url);
    await tiles(page).first().click();
    await until(() => widthOf(page, '#viewer-image', 8000));
    expect((await boxOf(page)).height).toBeLessThan(100);
    await page.getByRole('img', { name: 'panorama, of customer garden' }).waitFor();
    const { x, y } = await middleOf(page, '#stage');
    await page.mouse.dblclick(x, y);
    expect(Math.round((await boxOf(page)).height)).toBe(600);
    await page.getByRole('button', { name: 'now at 100 %' }).waitFor();
    const before = await boxOf(page);
    await page.keyboard.press('ArrowRight');
    expect((await boxOf(page)).x).toBeLessThan(before.x - 100);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 300, y, { steps: 3 });
    await page.mouse.up();
    expect((await boxOf(page)).x).toBeGreaterThan(before.x);
    await page.mouse.wheel(0, 500);
    expect((await boxOf(page)).height).toBeLessThan(500);
    await page.keyboard.press('0');
    expect((await boxOf(page)).height).toBeLessThan(100);
    await page.keyboard.press('+');
    await page.keyboard.press('+');
    expect((await boxOf(page)).height).toBeGreaterThan(100);
    expect(errors).toEqual([]);

    const { page: touched } = await openPage(url, phone);
    await tiles(touched).first().click();
    await until(() => widthOf(touched, '#viewer-image', 8000));
    const stage = await middleOf(touched, '#stage');
    const session = await touched.context().newCDPSession(touched);
    const fingers = async (type: 'touchStart' | 'touchMove' | 'touchEnd', apart: number): Promise<void> => {
      const points = [-apart, apart].map((dx, id) => ({ x: stage.x + dx, y: stage.y, id }));
      await session.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: type === 'touchEnd' ? [] : points,
      });
    };
    const small = (await boxOf(touched)).width;
    await fingers('touchStart', 20);
    for (const apart of [40, 80, 160]) {
      await fingers('touchMove', apart);
    }
    await fingers('touchEnd', 0);
    expect((await boxOf(touched)).width).toBeGreaterThan(5 * small);
  });

  test('shows the thumbnail until the picture is there, and has a picture once and for all', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 1);
    const url = await serve(topic);
    const { page } = await openPage(url);
    await expectPictures(page, 1);
    await tiles(page).first().click();
    await until(() => widthOf(page, '#viewer-image', 60));
    await page.keyboard.press('Escape');
    const session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    const cached: string[] = [];
    session.on('Network.responseReceived', ({ response }) => {
      if (response.fromDiskCache === true) {
        cached.push(new URL(response.url).pathname);
      }
    });
    await tiles(page).first().click();
    await until(async () => cached.includes('/images/0/0/image'));

    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/image?*', async (route) => {
      await held;
      await route.continue();
    });
    await page.reload();
    await until(() => widthOf(page, '#viewer-thumbnail', 60));
    expect(await page.locator('#viewer-thumbnail').isVisible()).toBe(true);
    expect(await page.locator('#viewer-image').isVisible()).toBe(false);
    release();
    await until(() => widthOf(page, '#viewer-image', 60));
    await page.locator('#viewer-thumbnail').waitFor({ state: 'hidden' });
  });

  test('never takes a record for the one that was there before the topic was made anew', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 1);
    const url = await serve(topic);
    const { page } = await openPage(url);
    await expectPictures(page, 1);
    const asked = page.waitForRequest('**/images/0/0/image?topic-id=*');
    await tiles(page).first().click();
    const address = (await asked).url();
    const before = await get(address);
    expect(before.headers['cache-control']).toBe('private, max-age=31536000, immutable');
    await until(() => widthOf(page, '#viewer-image', 60));
    await page.keyboard.press('Escape');
    await recreateTopic(topic);
    const value = await sharp({ create: { width: 90, height: 80, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    await send(topic, { value, headers: headers('another') });
    await page.getByRole('button', { name: '1 new' }).click();
    await page.locator('#grid').getByText('another').waitFor();
    const after = await get(address);
    expect([after.status, after.body]).toEqual([
      410,
      `{"error":"topic ${topic} was deleted and recreated, and its record at 0@0 is another one"}\n`,
    ]);
    await page.locator('#grid button', { hasText: 'another' }).click();
    await until(() => widthOf(page, '#viewer-image', 90));
    await until(() => widthOf(page, '#grid img', 90));
  });

  test('stretches the contrast of 12 bits in 16, marks animations, and names pictures', async () => {
    const topic = await createTopic();
    const data = Uint16Array.from({ length: 64 * 64 }, (_, index) => (index % 64) * 64);
    const dark = encodeNpy({ dtype: 'uint16', shape: [64, 64], data });
    const frames = await Promise.all(['red', 'green', 'blue'].map((background) => png(background)));
    const gif = await sharp(frames, { join: { animated: true } })
      .gif({ delay: [100, 100, 100] })
      .toBuffer();
    await send(topic, { value: dark, headers: { ...headers('dark'), 'content-type': 'application/x-npy' } });
    await send(topic, { value: gif, headers: headers('film') });
    const { page } = await openPage(await serve(topic));
    await expectPictures(page, 2);
    await page.locator('#grid button', { hasText: 'film' }).getByText('3 frames').waitFor();
    expect(await brightestOf(page, '#grid li:nth-child(2) img')).toBeGreaterThan(240);
    await page.locator('#grid button', { hasText: 'dark' }).click();
    await until(() => widthOf(page, '#viewer-image', 64));
    expect(await brightestOf(page, '#viewer-image')).toBeLessThan(20);
    await page.keyboard.press('c');
    await until(async () => (await brightestOf(page, '#viewer-image')) > 240);
    await page.getByRole('button', { name: 'Contrast', pressed: true }).click();
    await until(async () => (await brightestOf(page, '#viewer-image')) < 20);
  });

  test('has its controls within reach of the thumb on a phone, where the first picture is above the fold', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 4);
    const { page } = await openPage(await serve(topic), phone);
    await expectPictures(page, 4);
    const first = (await page.locator('#grid .frame').first().boundingBox())!;
    expect(first.y + first.height).toBeLessThan(phone.viewport.height / 1.5);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await tiles(page).nth(1).tap();
    await until(() => widthOf(page, '#viewer-image', 60));
    for (const name of ['Previous', 'Next', 'Zoom in', 'Zoom out', 'Close', 'Contrast']) {
      const box = (await page.getByRole('button', { name }).boundingBox())!;
      expect([name, box.y > phone.viewport.height * 0.8, box.height >= 44]).toEqual([name, true, true]);
      expect(box.x + box.width).toBeLessThanOrEqual(phone.viewport.width);
    }
  });
});

withBrowser(`dead letters ${noBrowser ?? ''}`, () => {
  test('say where they came from, are grouped by reason, and can be had as they are', async () => {
    const topic = await createTopic();
    const bytes = Buffer.from([0, 255, 254, 10, 13, 34]);
    await send(topic, await picture('good'));
    await send(topic, { key: bytes, value: bytes, headers: { odd: [bytes, 'text'], empty: '' } });
    await send(topic, { key: 'b', value: 'no image at all' });
    await send(topic, { key: 'c', value: (await png('red')).subarray(0, 60), headers: headers('cut') });
    const output = temporaryFolder();
    await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
    const { page, errors } = await openPage(await serve(topic));
    await page.getByRole('button', { name: 'Dead letters 3' }).click();
    await page.getByText(`from ${topic} 0@3`).waitFor();
    const reasons = page.getByRole('group', { name: 'Reasons' }).getByRole('button');
    const texts = await reasons.allInnerTexts();
    expect(texts.map((text) => Number(text.split(' ').at(-1))).reduce((sum, one) => sum + one, 0)).toBe(3);
    await reasons.filter({ hasText: /ImageIo/ }).click();
    await until(async () => (await namesOf(page)).join() === 'cut');
    expect(queryOf(page)).toMatchObject({ show: 'dead-letters', reason: expect.stringContaining('ImageIo') });
    await reasons.filter({ hasText: /ImageIo/ }).click();
    await tiles(page).nth(2).waitFor();

    await page.locator('#grid button', { hasText: `from ${topic} 0@1` }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Raw record' }).click();
    const record = JSON.parse(readFileSync(await (await download).path(), 'utf8')) as {
      topic: string;
      key: string;
      headers: [string, string][];
      value: string;
    };
    expect(record).toMatchObject({ topic: `${topic}.dead-letter`, partition: 0 });
    expect(Buffer.from(record.value, 'base64').equals(bytes)).toBe(true);
    expect(Buffer.from(record.key, 'base64').equals(bytes)).toBe(true);
    expect(record.headers.filter(([name]) => !name.startsWith('__connect'))).toEqual([
      ['odd', bytes.toString('base64')],
      ['odd', Buffer.from('text').toString('base64')],
      ['empty', ''],
    ]);
    await page.getByRole('link', { name: `${topic}, 0@1` }).click();
    await page.getByRole('dialog', { name: '0@1' }).waitFor();
    expect(queryOf(page)).toEqual({ at: '0@1', open: 'images/0/1' });
    expect(errors.filter((error) => !error.includes('status of 422'))).toEqual([]);
  });
});

withBrowser(`everybody ${noBrowser ?? ''}`, () => {
  test('can use the page: axe finds nothing in grid, viewer and dead letters', async () => {
    const topic = await createTopic();
    await send(topic, ...(await pictures(3)), { key: 'x', value: 'no image at all' });
    const output = temporaryFolder();
    await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
    const url = await serve(topic);
    for (const options of [{}, { colorScheme: 'dark' as const }, phone]) {
      // The page's policy lets no script in, which this one is.
      const { page } = await openPage(url, { ...options, bypassCSP: true, reducedMotion: 'reduce' });
      await expectPictures(page, 3);
      expect(await violationsOf(page)).toEqual([]);
      await page.locator('#grid button', { hasText: 'n-1' }).click();
      await until(() => widthOf(page, '#viewer-image', 60));
      await page.getByText('ce_specversion').waitFor();
      expect(await violationsOf(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /^Dead letters/ }).click();
      await page.getByText(`from ${topic} 0@3`).waitFor();
      expect(await violationsOf(page)).toEqual([]);
    }
  });

  test('can go to the first and the last with Home and End, and see what is chosen in colours of their own', async () => {
    const topic = await createTopic();
    await sendTogether(topic, await pictures(30));
    const { page } = await openPage(await serve(topic), { forcedColors: 'active' });
    await tiles(page).nth(29).waitFor();
    await page.keyboard.press('End');
    expect(await focused(page)).toContain('n-0');
    await page.keyboard.press('Home');
    expect(await focused(page)).toContain('n-29');
    const outline = (name: RegExp) =>
      page.getByRole('button', { name }).evaluate((button) => {
        const view = globalThis as unknown as { getComputedStyle(of: unknown): { outlineStyle: string } };
        return view.getComputedStyle(button).outlineStyle;
      });
    expect([await outline(/^Images/), await outline(/^Dead letters/)]).toEqual(['solid', 'none']);
  });

  test('can read ids of 600 characters, none at all, and from right to left', async () => {
    const topic = await createTopic();
    const long = 'x'.repeat(600);
    const hebrew = '\u202eשלום';
    await send(
      topic,
      { value: await png('olive'), headers: headers(long) },
      { value: 'no image at all' },
      { value: await png('olive'), headers: { ...headers(hebrew), ce_customerid: hebrew } },
    );
    const { page } = await openPage(await serve(topic), phone);
    await expectPictures(page, 2);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    const widths = await page
      .locator('#grid .name')
      .evaluateAll((all) => all.map((name) => (name as unknown as { clientWidth: number }).clientWidth));
    expect(Math.max(...widths)).toBeLessThan(200);
    expect(await page.locator('#grid bdi.name').count()).toBe(3);
    expect(await page.locator('#grid .details bdi').last().innerText()).not.toBe('');
    for (const name of [/^x{400}/, hebrew]) {
      await page.locator('#grid button', { hasText: name }).click();
      await until(() => widthOf(page, '#viewer-image', 60));
      expect((await page.locator('h2').boundingBox())!.height).toBeLessThan(120);
      expect(await page.locator('h2 bdi, #viewer-facts dd bdi').count()).toBeGreaterThan(3);
      await page.keyboard.press('Escape');
    }
    // What has no id is called after its place.
    await page.locator('#grid button', { hasText: '0@1' }).click();
    await page.getByRole('dialog', { name: '0@1' }).waitFor();
  });

  test('is told of a change, and not of every second', async () => {
    const topic = await createTopic();
    const { page } = await openPage(await serve(topic));
    await page.getByText('Live', { exact: true }).waitFor();
    await page.evaluate(`
      window.told = 0;
      window.seconds = 0;
      new MutationObserver(() => (window.told += 1))
        .observe(document.querySelector('[role=status]'), { childList: true, characterData: true, subtree: true });
      new MutationObserver(() => (window.seconds += 1))
        .observe(document.querySelector('.chart'), { childList: true, attributes: true, subtree: true });
    `);
    await until(async () => (await page.evaluate<number>('window.seconds')) > 6);
    expect(await page.evaluate('window.told')).toBe(0);
    expect(await page.locator('[role=status], [aria-live]').count()).toBe(1);
    await page.keyboard.press('p');
    await until(async () => (await page.evaluate('window.told')) === 1);
  });
});

function headers(id: string) {
  return { ...event, ce_id: id };
}

const shade = await png('olive');

async function picture(id: string, more: Record<string, string> = {}): Promise<Message> {
  return { key: id, value: shade, headers: { ...headers(id), ...more } };
}

/** `n-0` and so on, oldest first. */
async function pictures(count: number, timeOf?: (index: number) => number): Promise<Message[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => ({
      ...(await picture(`n-${index}`)),
      ...(timeOf !== undefined && { timestamp: String(timeOf(index)) }),
    })),
  );
}

async function namesOf(page: Page): Promise<string[]> {
  return page.locator('#grid .name').allInnerTexts();
}

async function namesInView(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`
    [...document.querySelectorAll('#grid li')]
      .filter((tile) => tile.getBoundingClientRect().top >= 0 && tile.getBoundingClientRect().bottom < innerHeight)
      .map((tile) => tile.querySelector('.name').textContent)
  `);
}

/** `partition@offset` of the first tile that is in view as a whole. */
async function placeAtTop(page: Page): Promise<string> {
  const key = await page.evaluate<string>(`
    [...document.querySelectorAll('#grid li')].find((tile) => tile.getBoundingClientRect().top >= 0).dataset.key
  `);
  return key.replace('images/', '').replace('/', '@');
}

/** As far as it goes, again and again. */
async function scrollUntil(page: Page, way: 'up' | 'down', isThere: () => Promise<boolean>): Promise<void> {
  await expect
    .poll(
      async () => {
        const distance = way === 'up' ? -2000 : 2000;
        await page.evaluate(`scrollBy(0, ${distance})`);
        return isThere();
      },
      { timeout: 60_000 },
    )
    .toBe(true);
}

function queryOf(page: Page): Record<string, string> {
  return Object.fromEntries(new URL(page.url()).searchParams);
}

async function boxOf(page: Page) {
  return (await page.locator('#viewer-image').boundingBox())!;
}

async function middleOf(page: Page, selector: string): Promise<{ x: number; y: number }> {
  const { x, y, width, height } = (await page.locator(selector).boundingBox())!;
  return { x: x + width / 2, y: y + height / 2 };
}

/** The largest value of any colour of a picture as it is shown. */
async function brightestOf(page: Page, selector: string): Promise<number> {
  return page.evaluate<number>(`(() => {
    const image = document.querySelector('${selector}');
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((most, value, index) => (index % 4 === 3 ? most : Math.max(most, value)), 0);
  })()`);
}

async function focused(page: Page): Promise<string> {
  return page.evaluate<string>('document.activeElement.textContent');
}

/** What axe has to say of the page as it is. */
async function violationsOf(page: Page): Promise<string[]> {
  await page.addScriptTag({ content: axe.source });
  return page.evaluate<string[]>(`
    axe.run(document).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + html + ' ' + failureSummary)))
  `);
}
