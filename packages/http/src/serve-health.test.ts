import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { serveHealth } from './serve-health.ts';
import type { HealthOptions, HealthServer } from './serve-health.ts';

describe('a page', () => {
  test('/healthz says that the process answers', async () => {
    const { url } = await serve({ problem: () => 'stalled' });
    const response = await fetch(`${url}/healthz`);
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
    expect(response.headers.get('content-type')).toBe('application/json');
  });

  test('/readyz says whether images are saved, and else why not', async () => {
    let problem: string | undefined = 'not assigned yet';
    const { url } = await serve({ problem: () => problem });
    const before = await fetch(`${url}/readyz`);
    problem = undefined;
    const after = await fetch(`${url}/readyz`);
    expect([before.status, await before.json()]).toEqual([
      503,
      { status: 'not ready', reason: 'not assigned yet' },
    ]);
    expect([after.status, await after.json()]).toEqual([200, { status: 'ready' }]);
  });

  test('/metrics has the content type of Prometheus, and may have a query', async () => {
    const { url } = await serve();
    const response = await fetch(`${url}/metrics?name=any`);
    expect([response.status, await response.text()]).toEqual([200, 'one 1\n']);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4');
  });

  test('has the same head without its body', async () => {
    const { url } = await serve();
    const response = await fetch(`${url}/metrics`, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(response.headers.get('content-length')).toBe('6');
  });

  test('that cannot be made is an answer all the same', async () => {
    const { url } = await serve({
      metrics: { contentType: 'text/plain', read: () => Promise.reject(new Error('no figures')) },
    });
    const response = await fetch(`${url}/metrics`);
    expect([response.status, await response.json()]).toEqual([500, { error: 'Error: no figures' }]);
  });
});

test.each(['/', '/metrics/', '/healthz/x', '/toString', '//'])('there is no %s: 404', async (path) => {
  const { url } = await serve();
  const response = await fetch(`${url}${path}`);
  expect(response.status).toBe(404);
  expect(await response.json()).toEqual({ error: `there is no ${path}, only /healthz, /readyz, /metrics` });
});

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is not answered: 405', async (method) => {
  const { url } = await serve();
  const response = await fetch(`${url}/metrics`, { method });
  expect(response.status).toBe(405);
  expect(response.headers.get('allow')).toBe('GET, HEAD');
});

describe('nobody can hold it up', () => {
  test('by a request that never ends', async () => {
    const { socket } = await connected(await serve());
    socket.write('GET /healthz HTTP/1.1\r\nHost: lo');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('by an answer that is under way when it closes', async () => {
    let asked = (): void => {};
    const underWay = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const read = (): Promise<string> => {
      asked();
      return new Promise(() => {});
    };
    const server = await serve({ metrics: { contentType: 'text/plain', read } });
    const answer = fetch(`${server.url}/metrics`);
    await underWay;
    server.close();
    await expect(answer).rejects.toThrow('fetch failed');
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow('fetch failed');
  });

  test('and it keeps no process alive', async () => {
    const before = process.getActiveResourcesInfo();
    await serve();
    expect(process.getActiveResourcesInfo()).toEqual(before);
  });
});

describe('where it cannot listen, one line says why', () => {
  test('a port that is in use', async () => {
    const { url } = await serve();
    const port = Number(new URL(url).port);
    await expect(serve({ port })).rejects.toMatchObject({
      name: 'ListenError',
      message:
        `cannot listen on --metrics-port ${port} of --metrics-host 127.0.0.1: the port is in use; ` +
        'choose another port, or 0 for any that is free',
    });
  });

  test('an address of another machine', async () => {
    await expect(serve({ host: '203.0.113.1' })).rejects.toThrow(
      'cannot listen on --metrics-port 0 of --metrics-host 203.0.113.1: the host is no address of this machine; ',
    );
  });
});

async function serve(options: Partial<HealthOptions> = {}): Promise<HealthServer> {
  const server = await serveHealth({
    host: '127.0.0.1',
    port: 0,
    problem: () => undefined,
    metrics: { contentType: 'text/plain; version=0.0.4', read: async () => 'one 1\n' },
    logger: { debug() {}, info() {} },
    ...options,
  });
  onTestFinished(() => server.close());
  return server;
}

/** A connection that says nothing by itself. */
async function connected({ url }: HealthServer) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return { socket };
}
