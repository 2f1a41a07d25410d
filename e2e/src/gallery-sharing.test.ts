import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Admin } from 'kafkajs';
import sharp from 'sharp';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { closeBrowser, noBrowser, openPage } from './browser.test-support.ts';
import { temporaryFolder } from './files.test-support.ts';
import {
  event,
  expectPictures,
  png,
  sendPictures,
  serve,
  startGallery,
  tiles,
  until,
  widthOf,
} from './gallery.test-support.ts';
import {
  createTopic,
  createTopicNamed,
  removeTopic,
  send,
  uniqueName,
  withAdmin,
} from './kafka.test-support.ts';
import { start } from './programs.test-support.ts';

afterAll(closeBrowser);
const withBrowser = describe.skipIf(noBrowser !== undefined);
const login = { username: 'ann', password: 'swordfish: a long one' };
const token = 'c2VjcmV0LXRva2Vu';

describe('where the gallery listens', () => {
  test('on all addresses of the machine, it says which, that others can open them, and that anyone can look', async () => {
    const topic = await createTopic();
    const { url, gallery } = await startGallery('-t', topic, '--port', '0', '--host', '0.0.0.0');
    const { port } = new URL(url);
    await until(async () => gallery.log().includes('anyone who can reach this machine can see the images'));
    const own = Object.values(networkInterfaces())
      .flatMap((found) => found ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    expect(url).toBe(`http://localhost:${port}`);
    for (const { address } of own) {
      expect(gallery.log()).toContain(`http://${address}:${port}`);
      expect((await ask(url, { host: `${address}:${port}` })).status).toBe(200);
    }
  });

  test('on loopback, or with a login, it does not', async () => {
    const topic = await createTopic();
    const here = await startGallery('-t', topic, '--port', '0');
    const file = ['--login-file', loginFile()];
    const shared = await startGallery('-t', topic, '--port', '0', '--host', '0.0.0.0', ...file);
    for (const { url, gallery } of [here, shared]) {
      expect((await ask(url)).status).toBe(gallery === here.gallery ? 200 : 401);
      expect(gallery.log()).not.toContain('anyone');
    }
    expect(here.gallery.log()).not.toContain('from other machines');
  });

  test('it answers under the names that it was told, and no others', async () => {
    const topic = await createTopic();
    const hosts = ['--allowed-host', 'pictures.test,.example.com', '--allowed-host', 'Team'];
    const url = await serve(topic, ...hosts);
    const statusOf = async (host: string) => (await ask(`${url}/events`, { host })).status;
    for (const host of [
      'pictures.test',
      'PICTURES.test:443',
      'example.com',
      'a.b.example.com:1',
      'team',
      'a.localhost',
    ]) {
      expect([host, await statusOf(host)]).toEqual([host, 200]);
    }
    for (const host of [
      'a.pictures.test',
      'notexample.com',
      'example.com.test',
      'pictures.test.',
      'a@team',
    ]) {
      expect([host, await statusOf(host)]).toEqual([host, 421]);
    }
    // What proxies say of themselves opens no door.
    const forwarded = { 'x-forwarded-host': 'team', forwarded: 'host=team', 'x-forwarded-prefix': '/team' };
    expect((await ask(url, { host: 'attacker.test', ...forwarded })).status).toBe(421);
    expect((await ask(url, forwarded)).body).not.toContain('team');
  });

  test.each([
    [
      ['--allowed-host', 'https://team'],
      /^gallery: --allowed-host must be a name such as gallery.example.com, .* not 'https:\/\/team'/,
    ],
    [
      ['--base-path', 'pictures'],
      /^gallery: --base-path must be a path such as \/pictures\/, not 'pictures'/,
    ],
    [['--base-path', '/a/../b'], /^gallery: --base-path must be a path/],
    [['--login-file', '/no/such/file'], /^gallery: --login-file cannot be read: ENOENT/],
    [
      ['--login-file', '/dev/null'],
      /^gallery: --login-file \/dev\/null is empty; write user:password or a token/,
    ],
  ])('%j is a usage error', async (args, message) => {
    const { exitCode, stderr } = await start('gallery', args).ended;
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  test('an empty login in the environment is none by mistake, and lets nobody in', async () => {
    const { exitCode, stderr } = await start('gallery', [], { IMAGE_STREAM_LOGIN: '' }).ended;
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('IMAGE_STREAM_LOGIN is empty')]);
  });
});

withBrowser(`a page below a path ${noBrowser ?? ''}`, () => {
  test('has everything below it, also where the slash is forgotten or a proxy has another path for it', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 2);
    const url = await serve(topic, '--base-path', '/team/pictures');
    expect(url).toMatch(/:\d+\/team\/pictures\/$/);
    const { page, errors } = await openPage(`${url.slice(0, -1)}?topic=${topic}`);
    const asked: string[] = [];
    page.on('request', (one) => void asked.push(one.url()));
    await expectPictures(page, 2);
    expect(page.url()).toBe(`${url}?topic=${topic}`);
    await page.reload();
    await expectPictures(page, 2);
    await tiles(page).first().click();
    await until(() => widthOf(page, '#viewer-image', 60));
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download' }).click();
    expect((await download).url().startsWith(`${url}images/0/`)).toBe(true);
    expect(
      asked.filter((one) => !one.startsWith(url) && !one.startsWith('blob:') && !one.startsWith('data:')),
    ).toEqual([]);
    expect(errors).toEqual([]);

    const moved = await ask(url.slice(0, -1), { 'x-forwarded-prefix': '/elsewhere' });
    expect([moved.status, moved.headers.location]).toEqual([308, 'pictures/']);
    const outside = await ask(new URL('/events', url).href);
    expect([outside.status, outside.body]).toEqual([
      404,
      '{"error":"there is no /events; the gallery is at /team/pictures/"}\n',
    ]);
    for (const path of ['/team/pictures/../../events', '/team/picturesque', '//team/pictures/', '//', '*']) {
      expect([path, (await ask(url, {}, path)).status]).toEqual([path, path === '*' ? 400 : 404]);
    }
  });
});

describe('a login', () => {
  test('is asked of everybody for everything, and told apart from wrong ones', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 1);
    const url = await serve(topic, '--login-file', loginFile());
    for (const path of ['/', '/main.js', '/events', '/images?from=0@0', '/images/0/0/image', '/nothing']) {
      const { status, headers, body } = await ask(`${url}${path}`);
      expect([path, status, headers['www-authenticate']]).toEqual([
        path,
        401,
        'Basic realm="gallery", charset="UTF-8", Bearer realm="gallery"',
      ]);
      expect(body).toContain('log in');
    }
    const wrong = [
      basic('ann', 'swordfish'),
      basic('bob', login.password),
      `Bearer ${login.password}`,
      'Bearer x',
      'Basic',
    ];
    for (const authorization of wrong) {
      expect([authorization, (await ask(url, { authorization })).status]).toEqual([authorization, 401]);
    }
    for (const authorization of [
      basic(login.username, login.password),
      `Bearer ${token}`,
      basic('', token),
    ]) {
      const { status, headers } = await ask(`${url}/images/0/0/image`, { authorization });
      expect([authorization, status, headers['content-type']]).toEqual([authorization, 200, 'image/png']);
    }
  });

  test('in the environment is as good, and stays out of the log', async () => {
    const topic = await createTopic();
    const gallery = start('gallery', ['-t', topic, '--port', '0', '--log-level', 'trace'], {
      IMAGE_STREAM_LOGIN: `${login.username}:${login.password}`,
    });
    onTestFinished(() => void gallery.process.kill('SIGKILL'));
    await until(async () => gallery.log().includes('http://'));
    const url = /http:\/\/\S+/.exec(gallery.log())![0];
    expect((await ask(url, { authorization: `Bearer ${token}` })).status).toBe(401);
    expect((await ask(url, { authorization: basic(login.username, login.password) })).status).toBe(200);
    expect(gallery.log()).not.toContain('swordfish');
  });
});

withBrowser(`several topics ${noBrowser ?? ''}`, () => {
  test('are there to choose from, each under an address of its own', async () => {
    const [one, other, third] = [await createTopic(), await createTopic(), await createTopic()];
    await sendPictures(one, 1, 'first');
    await sendPictures(other, 2, 'second');
    const url = await serve(`${one},${other}`, '-t', third, '-t', one);
    const { page, errors } = await openPage(url);
    await expectPictures(page, 1);
    const choice = page.getByLabel('Topic to look at');
    expect(await choice.locator('option').allInnerTexts()).toEqual([one, other, third]);
    await choice.selectOption(other);
    await page.getByRole('heading', { name: other }).waitFor();
    await expectPictures(page, 2);
    expect(page.url()).toBe(`${url}/?topic=${other}`);
    await tiles(page).first().click();
    await until(() => widthOf(page, '#viewer-image', 60));
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download' }).click();
    expect((await download).url()).toMatch(new RegExp(`[?&]topic=${other}$`));
    await page.keyboard.press('Escape');
    await sendPictures(one, 1, 'first');
    await sendPictures(other, 1, 'second');
    await page.getByRole('button', { name: '1 new' }).click();
    await expectPictures(page, 3);
    expect(await page.locator('#grid').innerText()).not.toContain('first');
    await page.goBack();
    await expectPictures(page, 2);
    expect(await choice.inputValue()).toBe(one);
    // The list takes keys that the page has, too.
    await choice.focus();
    await page.keyboard.press('ArrowDown');
    await page.getByRole('heading', { name: other }).waitFor();
    expect(errors).toEqual([]);

    await page.goto(`${url}/?topic=strangers`);
    await page
      .getByText(`The gallery does not show topic strangers, only ${one}, ${other}, ${third}`)
      .waitFor();
    await choice.selectOption(third);
    await page.getByText('Waiting for pictures.').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
  });

  test('of which one does not exist yet, is deleted, or created anew, say so', async () => {
    const [topic, other] = [uniqueName(), await createTopic()];
    const { url, gallery } = await startGallery('-t', topic, '-t', other, '--port', '0');
    expect(gallery.log()).toContain(`there is no topic '${topic}' yet`);
    const { page, errors } = await openPage(url);
    await page.getByText(`there is no topic ${topic} yet; it is shown once it is created`).waitFor();
    expect((await ask(`${url}/images/0/0/details`)).status).toBe(404);
    expect((await ask(`${url}/events?topic=${other}`)).status).toBe(200);

    await createTopicNamed(topic);
    await page.getByText('Live', { exact: true }).waitFor();
    await sendPictures(topic, 2, 'first');
    await expectPictures(page, 2);
    await removeTopic(topic);
    await page.getByText(`topic ${topic} was deleted; it is shown again once it is created anew`).waitFor();
    await until(async () => (await tiles(page).count()) === 0);

    // Its records have the places of others.
    await createTopicNamed(topic);
    const record = { key: 'b', value: await png('red'), headers: { ...event, ce_id: 'anew' } };
    await send(topic, record);
    await expectPictures(page, 1);
    await page.getByText('anew', { exact: true }).waitFor();
    const red = await sharp(await bytesOf(`${url}/images/0/0/thumbnail`)).stats();
    expect(red.dominant.r).toBeGreaterThan(200);
    // Without a moment in which it is not there, but of another id.
    await withAdmin(async (admin) => {
      await admin.deleteTopics({ topics: [topic] });
      await until(async () => createdAgain(admin, topic));
    });
    await until(async () => (await tiles(page).count()) === 0);
    await send(topic, record);
    await expectPictures(page, 1);
    expect(errors.filter((error) => !error.includes('status of 404'))).toEqual([]);
  });
});

describe('health and metrics', () => {
  test('are those of the consumer, and a topic is read only while somebody looks', async () => {
    const [one, other] = [await createTopic(), await createTopic()];
    await sendPictures(one, 3);
    const args = ['-t', one, '-t', other, '--port', '0', '--metrics-port', '0', '--login-file', loginFile()];
    const { url, gallery } = await startGallery(...args);
    const [, health] = /metrics on (http:\S+)/.exec(gallery.log())!;
    const value = async (name: string): Promise<string | undefined> => {
      const { body } = await ask(`${health}/metrics`);
      return new RegExp(`^image_stream_${name} (\\S+)$`, 'm').exec(body)?.[1];
    };
    expect(await ask(`${health}/healthz`)).toMatchObject({ status: 200, body: '{"status":"ok"}\n' });
    expect(await ask(`${health}/readyz`)).toMatchObject({ status: 200, body: '{"status":"ready"}\n' });
    expect([await value('topics_open'), await value('pages_open')]).toEqual(['0', '0']);

    const authorization = `Bearer ${token}`;
    const pages = await Promise.all(
      [one, one, other].map(async (topic) => {
        const asked = new AbortController();
        const { body } = await fetch(`${url}/events?topic=${topic}`, {
          headers: { authorization },
          signal: asked.signal,
        });
        return { asked, body };
      }),
    );
    await until(async () => (await value('images_shown_total')) === '3');
    expect([await value('topics_open'), await value('pages_open')]).toEqual(['2', '3']);
    expect(Number(await value('wire_bytes_total'))).toBeGreaterThan(
      Number(await value('payload_bytes_total')),
    );
    expect([await value('records_passed_over_total'), await value('in_flight_bytes')]).toEqual(['0', '0']);
    expect((await ask(url)).status).toBe(401);
    expect(await value('requests_refused_total{status="401"}')).toBe('1');
    pages[0]!.asked.abort();
    pages[2]!.asked.abort();
    await until(async () => (await value('topics_open')) === '1' && (await value('pages_open')) === '1');
    pages[1]!.asked.abort();
    await until(async () => (await value('topics_open')) === '0');
    gallery.process.kill('SIGTERM');
    expect((await gallery.ended).exitCode).toBe(0);
  });
});

test('what can be open at once is limited for all topics together', async () => {
  // None of them exists, which is no reason to refuse a page.
  const topics = Array.from({ length: 17 }, uniqueName);
  const gallery = start('gallery', ['-t', topics.join(), '--port', '0'], {
    IMAGE_STREAM_TOPIC: uniqueName(),
  });
  onTestFinished(() => void gallery.process.kill('SIGKILL'));
  await until(async () => gallery.log().includes(' are on http://'));
  const [, url] = / are on (http:\S+)/.exec(gallery.log())!;
  // What is typed is stronger than the environment.
  expect(await ask(`${url}/topics`)).toMatchObject({ body: JSON.stringify({ topics }) });
  const closing = new AbortController();
  onTestFinished(() => closing.abort());
  const open = async (topic: string): Promise<Response> =>
    fetch(`${url}/events?topic=${topic}`, { signal: closing.signal });
  for (const topic of topics.slice(0, 16)) {
    expect((await open(topic)).status).toBe(200);
  }
  const refused = await open(topics[16]!);
  expect([refused.status, await refused.json()]).toEqual([
    503,
    { error: '16 topics are looked at already; close the pages of one' },
  ]);
  const more = await Promise.all(Array.from({ length: 48 }, async (_, index) => open(topics[index % 16]!)));
  expect(more.every(({ status }) => status === 200)).toBe(true);
  const last = await open(topics[0]!);
  expect([last.status, await last.json()]).toEqual([503, { error: '64 pages are open already; close one' }]);
});

withBrowser(`a browser ${noBrowser ?? ''}`, () => {
  test('logs in, with a password or a token, also in the address, and is live', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 1);
    const url = await serve(topic, '--login-file', loginFile());
    const typed = await openPage('about:blank', { httpCredentials: { ...login, send: 'unauthorized' } });
    const inAddress = await openPage('about:blank');
    for (const [{ page, errors }, address] of [
      [typed, url],
      [inAddress, url.replace('//', `//:${token}@`)],
    ] as const) {
      await page.goto(address);
      await expectPictures(page, 1);
      await page.getByText('Live', { exact: true }).waitFor();
      await tiles(page).first().click();
      await until(() => widthOf(page, '#viewer-image', 60));
      expect(errors.filter((error) => !error.includes('status of 401'))).toEqual([]);
    }
  });

  test('has nothing done for other pages, but follows their links', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 1);
    const url = await serve(topic);
    const port = await siteWith(
      `<img src="${url}/images/0/0/image"><iframe src="${url}/"></iframe><script src="${url}/main.js"></script><a href="${url}/">look</a>`,
    );
    const { page } = await openPage('about:blank');
    const statuses: number[] = [];
    const network = await page.context().newCDPSession(page);
    await network.send('Network.enable');
    // What is refused is kept from the page, and so from its events.
    network.on('Network.responseReceivedExtraInfo', ({ statusCode }) => void statuses.push(statusCode));
    // To a browser, one is another site, and one is the same site on another port.
    for (const host of ['127.0.0.1', 'localhost']) {
      statuses.length = 0;
      await page.goto(`http://${host}:${port}/`);
      const read = await page.evaluate(
        async (events) =>
          fetch(events, { mode: 'no-cors' })
            .then(({ status }) => status)
            .catch(() => 'refused'),
        `${url}/events`,
      );
      expect(read).toBe('refused');
      await until(async () => statuses.filter((status) => status === 403).length === 4);
      expect(statuses.filter((status) => status !== 403 && status !== 404)).toEqual([200]);
    }
    await page.getByRole('link', { name: 'look' }).click();
    await expectPictures(page, 1);
  });
});

/** @param path as it is, without what `URL` would mend. @returns the head of the answer, and its body unless that goes on */
async function ask(url: string, headers: Record<string, string> = {}, path?: string) {
  const { hostname, port, pathname, search } = new URL(url);
  const sent = request({ hostname, port, path: path ?? `${pathname}${search}`, headers });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const isStream = response.headers['content-type']?.includes('ndjson') ?? false;
  const body = isStream ? '' : await text(response);
  response.destroy();
  return { status: response.statusCode, headers: response.headers, body };
}

async function bytesOf(url: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer());
}

/** Whether a topic that is being deleted could be created anew. */
async function createdAgain(admin: Admin, topic: string): Promise<boolean> {
  return admin.createTopics({ topics: [{ topic }], waitForLeaders: false }).catch(() => false);
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function loginFile(): string {
  const file = join(temporaryFolder(), 'login');
  writeFileSync(file, `${login.username}:${login.password}\n${token}\n`);
  return file;
}

/** A page of somebody else, on another port of this machine. @returns the port */
async function siteWith(body: string): Promise<number> {
  const server = createServer(({ url }, response) => {
    response.statusCode = url === '/' ? 200 : 404;
    response.setHeader('content-type', 'text/html');
    response.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}
