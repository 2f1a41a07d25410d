import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { closeBrowser, noBrowser, openPage } from './browser.test-support.ts';
import { temporaryFolder } from './files.test-support.ts';
import {
  expectPictures,
  sendPictures,
  serve,
  startGallery,
  tiles,
  until,
  widthOf,
} from './gallery.test-support.ts';
import { createTopic } from './kafka.test-support.ts';
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
    await until(async () => gallery.log().includes('anyone who reaches this machine can look'));
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
    expect(here.gallery.log()).not.toContain('others open');
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
  ])('%j is wrong usage', async (args, message) => {
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
