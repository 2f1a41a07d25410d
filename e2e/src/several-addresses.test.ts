import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from './files.test-support.ts';
import { uniqueName } from './kafka.test-support.ts';
import { bootstrapServers, commandOf, run } from './programs.test-support.ts';

const hasNamespaces = spawnSync('unshare', ['-rm', 'true']).status === 0;

/* A name with two addresses: packets to the first are dropped, the second is the broker's. */

const name = 'kafka.several.test';
const port = Number(bootstrapServers.split(':')[1]);

/** Takes no more connections: a program that is stopped, with more of them waiting than its queue has room for. */
async function dropConnections(): Promise<void> {
  const listener = `require('node:net').createServer().listen({ host: '::1', port: ${port}, backlog: 1 }, () => console.log('ready'))`;
  const silent = spawn(process.execPath, ['-e', listener], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void silent.kill('SIGKILL'));
  await once(silent.stdout, 'data');
  silent.kill('SIGSTOP');
  const waiting = Array.from({ length: 8 }, () => connect({ host: '::1', port }));
  for (const socket of waiting) {
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
  }
  await once(waiting[0]!, 'connect');
  await setImmediate();
  expect(waiting.at(-1)!.connecting).toBe(true);
}

test.skipIf(!hasNamespaces)(
  'a broker whose name has another address that drops packets is reached',
  async () => {
    await dropConnections();
    const hosts = join(temporaryFolder(), 'hosts');
    writeFileSync(hosts, `127.0.0.1 localhost\n::1 ${name}\n127.0.0.1 ${name}\n`);
    const command = commandOf('producer', ['-n', '1', '-bs', `${name}:${port}`, '-t', uniqueName()]);
    const mount = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';
    const { exitCode, stderr } = await run('unshare', ['-rm', 'sh', '-c', mount, 'sh', hosts, ...command])
      .ended;
    expect(stderr).not.toContain('cannot reach');
    expect(exitCode).toBe(0);
  },
);
