import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { closeBrowser, noBrowser, openPage } from './browser.test-support.ts';
import { temporaryFolder } from './files.test-support.ts';
import { expectPictures, sendPictures, startGallery, tiles, until, widthOf } from './gallery.test-support.ts';
import { createTopic } from './kafka.test-support.ts';
import { run } from './programs.test-support.ts';

afterAll(closeBrowser);
const host = 'pictures.example.com';
const login = { username: 'ann', password: 'a long swordfish' };
const token = 'a-long-token';

/** The recipes of docs/gallery.md, made to run here: on ports and with files of the test. */
const recipes = {
  nginx: (port: number, gallery: string, folder: string): string[] => {
    const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', certificate], {
      stdio: 'ignore',
    });
    const server = recipe('nginx', [
      ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
      ['/etc/ssl/pictures.pem', certificate],
      ['/etc/ssl/pictures.key', key],
      ['http://127.0.0.1:8080', gallery],
    ]);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${join(folder, name)};`,
    );
    const file = join(folder, 'nginx.conf');
    writeFileSync(
      file,
      `daemon off; master_process off; pid ${join(folder, 'pid')}; error_log stderr; events {}
      http { access_log off; ${temporary.join(' ')} ${server} }`,
    );
    return ['nginx', '-c', file, '-e', 'stderr'];
  },
  caddy: (port: number, gallery: string, folder: string): string[] => {
    const site = recipe('caddy', [
      [`${host} {`, `https://${host}:${port} {\nbind 127.0.0.1\ntls internal`],
      ['127.0.0.1:8080', gallery.replace('http://', '')],
    ]);
    const file = join(folder, 'Caddyfile');
    writeFileSync(
      file,
      `{\nadmin off\nauto_https disable_redirects\nskip_install_trust\nstorage file_system ${folder}\n}\n${site}`,
    );
    return ['caddy', 'run', '--adapter', 'caddyfile', '--config', file];
  },
};

describe.each(['nginx', 'caddy'] as const)('behind %s, as docs/gallery.md has it', (name) => {
  const isMissing = [name, 'openssl'].some((one) => spawnSync(one, ['version']).error !== undefined);

  test.skipIf(isMissing || noBrowser !== undefined)(
    'the page is live below its path, with TLS and a login',
    async () => {
      const topic = await createTopic();
      await sendPictures(topic, 2);
      const base = ['--base-path', '/gallery/', '--allowed-host', host, '--login-file', loginFile()];
      const { url: gallery } = await startGallery('-t', topic, '--port', '0', ...base);
      const port = await started(name, new URL(gallery).origin);
      await expectLive(topic, port);
      const forwarded = { 'x-forwarded-host': 'attacker.test', 'x-forwarded-prefix': '/attacker' };
      const authorization = `Bearer ${token}`;
      const part = await ask(port, '/gallery/images?from=all@0', { authorization, ...forwarded });
      expect([part.status, part.body.includes('attacker')]).toEqual([200, false]);
      expect((await ask(port, '/gallery/images?from=all@0')).status).toBe(401);
      const events = await answer(port, '/gallery/events', { authorization });
      expect(String((await once(events, 'data'))[0])).toContain(`{"hello":{"topic":"${topic}"`);
      events.destroy();
    },
  );
});

describe('behind nginx that takes the path away', () => {
  const isMissing = ['nginx', 'openssl'].some((one) => spawnSync(one, ['version']).error !== undefined);

  test.skipIf(isMissing || noBrowser !== undefined)('the page needs no base path', async () => {
    const topic = await createTopic();
    await sendPictures(topic, 2);
    const { url: gallery } = await startGallery(
      ...['-t', topic, '--port', '0', '--allowed-host', '.example.com', '--login-file', loginFile()],
    );
    const port = await started('nginx', `${gallery}/`);
    await expectLive(topic, port);
    // It passes on under which name it was asked.
    expect((await ask(port, '/gallery/', { host: 'attacker.test' })).status).toBe(421);
  });
});

/** Two pictures that are there, one that comes, and one in full, all below the path; also without its slash. */
async function expectLive(topic: string, port: number): Promise<void> {
  const { page, errors } = await openPage('about:blank', { ignoreHTTPSErrors: true, httpCredentials: login });
  const asked: string[] = [];
  page.on('request', (one) => void asked.push(one.url()));
  const origin = `https://${host}:${port}`;
  await page.goto(`${origin}/gallery/`);
  await expectPictures(page, 2);
  await page.getByText('Live', { exact: true }).waitFor();
  await sendPictures(topic, 1);
  await expectPictures(page, 3);
  await tiles(page).first().click();
  await until(() => widthOf(page, '#viewer-image', 60));
  const outside = asked.filter((one) => !/^(data|blob):/.test(one) && !one.startsWith(`${origin}/gallery/`));
  expect(outside).toEqual([]);
  expect(errors.filter((error) => !error.includes('status of 401'))).toEqual([]);
}

/** A proxy that answers, and ends with the test. @returns its port */
async function started(name: keyof typeof recipes, gallery: string): Promise<number> {
  const port = await freePort();
  const folder = temporaryFolder();
  const [command, ...args] = recipes[name](port, gallery, folder);
  const proxy = run(command!, args, { HOME: folder });
  onTestFinished(async () => {
    proxy.process.kill();
    await proxy.ended;
  });
  await until(async () =>
    ask(port, '/gallery/').then(
      () => true,
      () => false,
    ),
  );
  return port;
}

/** A block of docs/gallery.md, with some of it replaced, which has to be there. */
function recipe(language: string, replacements: readonly (readonly [text: string, by: string])[]): string {
  const document = readFileSync(new URL('../../docs/gallery.md', import.meta.url), 'utf8');
  const block = document.split(`\`\`\`${language}\n`)[1]?.split('```')[0] ?? expect.fail(`no ${language}`);
  return replacements.reduce((before, [place, by]) => {
    expect(before).toContain(place);
    return before.replace(place, by);
  }, block);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function ask(port: number, path: string, headers: Record<string, string> = {}) {
  const response = await answer(port, path, headers);
  return { status: response.statusCode, body: await text(response) };
}

/** In HTTP/1.1; browsers speak HTTP/2 where a proxy does. */
async function answer(port: number, path: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const sent = request({
    host: '127.0.0.1',
    servername: host,
    port,
    path,
    headers: { host: `${host}:${port}`, ...headers },
    // The certificate is the proxy's own.
    rejectUnauthorized: false,
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

function loginFile(): string {
  const file = join(temporaryFolder(), 'login');
  writeFileSync(file, `${login.username}:${login.password}\n${token}\n`);
  return file;
}
