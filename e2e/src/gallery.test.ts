import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
import { committed, createTopic, send, withAdmin } from './kafka.test-support.ts';
import { start, succeed } from './programs.test-support.ts';

afterAll(closeBrowser);
const withBrowser = describe.skipIf(noBrowser !== undefined);

withBrowser(`the page ${noBrowser ?? ''}`, () => {
  test('shows pictures as they are sent, newest first, and by customer', async () => {
    const topic = await createTopic(2);
    const { page, errors } = await openPage(await serve(topic));
    await page.getByText('Waiting for pictures.').waitFor();
    await sendPictures(topic, 3, 'garden');
    await tiles(page).nth(2).waitFor();
    await sendPictures(topic, 2, 'harbour');
    await tiles(page).nth(4).waitFor();
    expect(await detailsOf(page)).toEqual([
      ...Array<string>(2).fill('harbour · 60 × 40'),
      ...Array<string>(3).fill('garden · 60 × 40'),
    ]);
    await expectPictures(page, 5);

    await page.keyboard.press('/');
    await page.keyboard.type('GARD');
    await until(async () => (await tiles(page).count()) === 3);
    await sendPictures(topic, 1, 'garden');
    await tiles(page).nth(3).waitFor();
    expect(await detailsOf(page)).toEqual(Array<string>(4).fill('garden · 60 × 40'));
    expect(errors).toEqual([]);
  });

  test('holds still while paused, and says how much is new', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 2);
    const { page } = await openPage(await serve(topic));
    await tiles(page).nth(1).waitFor();
    await page.keyboard.press('p');
    await sendPictures(topic, 3);
    await page.getByRole('button', { name: '3 new' }).waitFor();
    expect(await tiles(page).count()).toBe(2);
    await page.keyboard.press('p');
    await tiles(page).nth(4).waitFor();
  });

  test('goes to an offset or a time, on from there, and back to live', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 45);
    const { page, errors } = await openPage(await serve(topic));
    await tiles(page).nth(44).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.type('0@5');
    await page.keyboard.press('Enter');
    await page.getByText(/^At .*, 0@5: what is newer is above, what is older below$/).waitFor();
    // Five before it, and as many as come at once after it; the others come when they are scrolled to.
    await until(async () => (await tiles(page).count()) === 41);
    await page.keyboard.press('Home');
    await tiles(page).nth(44).waitFor();
    await page.getByText('This is the beginning of the topic.').waitFor();

    const place = page.getByLabel('Go to a time');
    await place.fill('7@0');
    await place.press('Enter');
    await page.getByText(`topic ${topic} has 1 partition, and no 7`).waitFor();
    await place.fill('2099-01-01');
    await place.press('Enter');
    await page.getByText(/^At .*2099/).waitFor();
    // What is newest.
    await until(async () => (await tiles(page).count()) === 36);
    await place.press('Escape');
    await page.keyboard.press('Escape');
    await tiles(page).nth(44).waitFor();
    // Chromium names the one request that was refused.
    expect(errors.filter((error) => !error.includes('status of 400'))).toEqual([]);
  });

  test('shows one picture in full with what its record says, and the file of the consumer', async () => {
    const topic = await createTopic();
    const folder = temporaryFolder();
    const photo = await sharp({ create: { width: 300, height: 200, channels: 3, background: 'olive' } })
      .tiff()
      .toBuffer();
    writeFileSync(join(folder, 'meadow.tif'), photo);
    await succeed('producer', [folder, '-t', topic, '-cid', 'garden']);
    const output = join(folder, 'output');
    await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);

    const { page, errors } = await openPage(await serve(topic, '-o', output));
    await tiles(page).first().waitFor();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'meadow.tif' });
    await until(() => widthOf(page, '#viewer-image', 300));
    await dialog.getByText('ce_payloadsha256').waitFor();
    const facts = await dialog.locator('#viewer-facts').innerText();
    expect(facts.replaceAll(/\s+/g, ' ')).toMatch(
      /Customer garden .* Type TIFF Pixels 300 × 200 .* Partition 0 Offset 0 .* Format cloudevents/,
    );
    for (const name of ['Download', 'File on disk']) {
      const download = page.waitForEvent('download');
      await dialog.getByRole('link', { name }).click();
      expect(readFileSync(await (await download).path()).equals(photo)).toBe(true);
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect(errors).toEqual([]);
  });

  test('shows an image that came in chunks', async () => {
    const topic = await createTopic(1, '200000');
    const { page } = await openPage(await serve(topic));
    await succeed('producer', ['-t', topic, '-n', '1', '--width', '400', '--height', '500']);
    await expectPictures(page, 1);
    await tiles(page).first().click();
    await until(() => widthOf(page, '#viewer-image', 400));
    await page.getByText(/one of \d+ chunks/).waitFor();
  });

  test('shows dead letters with their reasons, and their pictures where they have some', async () => {
    const topic = await createTopic();
    await send(
      topic,
      { key: 'one', value: await png('olive'), headers: { ...event, ce_id: 'same' } },
      { key: 'two', value: await png('teal'), headers: { ...event, ce_id: 'same' } },
      { key: 'three', value: 'no image at all' },
    );
    const output = temporaryFolder();
    await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
    const { page } = await openPage(await serve(topic));
    await page.getByRole('button', { name: 'Dead letters 2' }).click();
    await expectPictures(page, 1);
    const shown = await page.locator('#grid').innerText();
    expect(shown).toContain('already holds another image');
    expect(shown).toContain('record of 15 bytes is not a CloudEvent');
  });

  test('shows whatever a stranger writes as text', async () => {
    const topic = await createTopic();
    const attack = '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>';
    await send(topic, {
      key: attack,
      value: await png('olive'),
      headers: { ...event, ce_id: attack, ce_customerid: attack, ce_filename: attack, [attack]: attack },
    });
    const { page, errors } = await openPage(await serve(topic));
    await page.locator('#grid .name').getByText(attack, { exact: true }).waitFor();
    await tiles(page).first().click();
    await page.getByRole('heading', { name: attack }).waitFor();
    await page.locator('#viewer-headers dt').getByText(attack, { exact: true }).waitFor();
    await until(() => widthOf(page, '#viewer-image', 60));
    expect(await page.title()).toBe(`${topic} – gallery`);
    expect(await page.locator('img[src="x"]').count()).toBe(0);
    expect(errors).toEqual([]);
  });

  test('keeps a bounded number of pictures', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 120);
    const { page } = await openPage(await serve(topic));
    await tiles(page).nth(119).waitFor();
    // As many as there is time for are shown of them.
    while ((await tiles(page).count()) < 160) {
      await sendPictures(topic, 12);
    }
    const newest = { key: 'newest', value: await png('red'), headers: { ...event, ce_id: 'newest' } };
    await send(topic, newest);
    await page.getByText('newest', { exact: true }).waitFor();
    expect(await tiles(page).count()).toBe(160);
  });
});

describe('the server', () => {
  test('leaves groups as they are, and adds none', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 3);
    const output = temporaryFolder();
    await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end', '-n', '2']);
    const before = await committed(topic, topic);
    const groups = await groupsOf(topic);
    const url = await serve(topic, '-gid', topic);
    expect((await get(`${url}/images/0/2/thumbnail`)).status).toBe(200);
    expect((await get(`${url}/images?from=all@0`)).status).toBe(200);
    expect(await committed(topic, topic)).toEqual(before);
    expect(await groupsOf(topic)).toEqual(groups);
  });

  test.each(['webdataset', 'parquet'])(
    'finds a picture in the shards of the consumer: %s',
    async (layout) => {
      const topic = await createTopic();
      const folder = temporaryFolder();
      for (const [index, background] of ['olive', 'teal', 'navy'].entries()) {
        writeFileSync(join(folder, `${index}.png`), await png(background));
      }
      await succeed('producer', [folder, '-t', topic, '-cid', 'garden']);
      const output = join(folder, 'output');
      const layouts = ['-o', output, '--layout', layout];
      await succeed('consumer', ['-t', topic, ...layouts, '--shard-images', '2', '--exit-at-end']);
      const url = await serve(topic, ...layouts);
      const fetched = async (aspect: string) => fetch(`${url}/images/0/1/${aspect}`);
      const original = Buffer.from(await (await fetched('original')).arrayBuffer());
      expect(await (await fetched('details')).json()).toMatchObject({
        file: {
          path: expect.stringMatching(/^customer=garden\/date=\S+-0-0{20}\.png\.(tar|parquet)$/),
          bytes: original.length,
        },
      });
      expect(Buffer.from(await (await fetched('file')).arrayBuffer()).equals(original)).toBe(true);
    },
  );

  test('lets nothing from elsewhere into the page, and its pictures do nothing', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 1);
    const url = await serve(topic);
    const page = await get(url);
    expect(page.headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'/,
    );
    expect(page.headers['content-security-policy']).not.toContain('unsafe');
    expect(page.body).not.toMatch(/<script>|<style|\s(style|on\w+)=|https?:/);
    const image = await get(`${url}/images/0/0/image`);
    for (const { headers } of [page, image]) {
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
    expect(image.headers['content-security-policy']).toMatch(/sandbox/);
  });

  test('answers under names of this machine only, and only what there is', async () => {
    const url = await serve(await createTopic());
    const port = new URL(url).port;
    expect((await get(url, 'attacker.example')).status).toBe(421);
    expect((await get(`${url}/events`, `attacker.example:${port}`)).status).toBe(421);
    expect((await get(url, `127.0.0.1:${port}`)).status).toBe(200);
    for (const path of ['/nothing', '/../package.json', '/images/0/9/image', '/dead-letters/0/0/details']) {
      expect([path, (await get(url, undefined, path)).status]).toEqual([path, 404]);
    }
  });

  test('says in one line what is wrong', async () => {
    const topic = await createTopic();
    const port = new URL(await serve(topic)).port;
    const taken = await start('gallery', ['-t', topic, '--port', port]).ended;
    expect(taken.stderr).toContain('the port is in use; choose another port, or 0 for any that is free');
    expect(taken.exitCode).toBe(1);
  });
});

/** What is said below the tiles, without the sizes. */
async function detailsOf(page: Page): Promise<string[]> {
  const all = await page.locator('#grid .details').allInnerTexts();
  return all.map((line) => line.replace(/ · [^·]*B$/, ''));
}

/** The groups that have to do with a topic, or with us. */
async function groupsOf(topic: string): Promise<string[]> {
  const { groups } = await withAdmin((admin) => admin.listGroups());
  return groups
    .map(({ groupId }) => groupId)
    .filter((group) => group === topic || group.includes('gallery'))
    .toSorted();
}
