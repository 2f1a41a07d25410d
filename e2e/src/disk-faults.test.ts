import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { committed, receive } from './kafka.test-support.ts';
import {
  consumerArgs,
  expectLedger,
  finishedFiles,
  hashesOf,
  lag,
  openLedger,
  paintFiles,
  recordsIn,
  sendFiles,
  watchFiles,
} from './ledger.test-support.ts';
import type { Ledger } from './ledger.test-support.ts';
import { commandOf, fileFaults, run, start, succeed, summaryOf } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';

const patience = { timeout: 30_000, interval: 50 };

const hasNamespaces = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
const hasLimits = spawnSync('prlimit', ['--version']).status === 0;

/** A consumer whose output is on a disk of 1 MiB of its own. Most of it is taken, until `makeRoom`. */
function startOnSmallDisk({ output: disk, ...ledger }: Ledger, ...args: string[]) {
  const fill = 'mkdir "$1" && mount -t tmpfs -o size=1m none "$1" && head -c 900k /dev/zero >"$1/filler"';
  const output = join(disk, 'output');
  const command = commandOf('consumer', [...consumerArgs({ ...ledger, output }), ...args]);
  const consumer = run('unshare', [
    '-rm',
    'sh',
    '-c',
    `${fill} && shift && exec "$@"`,
    'sh',
    disk,
    ...command,
  ]);
  // Nobody else sees that disk, except through the process.
  const root = `/proc/${consumer.process.pid}/root`;
  const makeRoom = (): void => rmSync(join(root, disk, 'filler'));
  return { consumer, output: join(root, output), log: consumer.log, makeRoom };
}

/** Nothing on disk is cut off, nothing was put aside, and whatever was committed is on disk. */
async function expectNothingSkipped({ folder, topic, group }: Ledger, output: string): Promise<void> {
  const sent = new Set(hashesOf(folder));
  expect(hashesOf(output).filter((hash) => !sent.has(hash))).toEqual([]);
  expect(await recordsIn(`${topic}.dead-letter`)).toBe(0);
  const [offset] = await committed(group, topic);
  const records = offset! > 0 ? await receive(topic, offset!) : [];
  const saved = finishedFiles(output).join('\n');
  for (const { key } of records.slice(0, offset)) {
    expect(saved).toContain(`/${key!.toString()}.png`);
  }
}

test.skipIf(!hasNamespaces).each([
  { what: 'images', count: 20, side: 64, maxMessageBytes: '1000000' },
  { what: 'the chunks of an image', count: 1, side: 300, maxMessageBytes: '20000' },
])('a disk that is full of $what pauses the consumer until there is room', async (given) => {
  const ledger = await openLedger(1, given.maxMessageBytes);
  await paintFiles(ledger.folder, given.count, given.side);
  await sendFiles(ledger);
  const { consumer, output, log, makeRoom } = startOnSmallDisk(ledger, '--concurrency', '32');
  const changed = watchFiles(output);
  await expect.poll(log, patience).toContain('paused: ');
  expect(log()).toContain('ENOSPC');
  await expectNothingSkipped(ledger, output);
  expect(await lag(ledger)).toBeGreaterThan(0);

  makeRoom();
  await expect.poll(() => lag(ledger), patience).toBe(0);
  expect(log()).toContain('resumed after a pause');
  await expectLedger({ ...ledger, output, changed });
  consumer.process.kill('SIGTERM');
  expect(await consumer.ended).toMatchObject({ exitCode: 0 });
});

test.skipIf(!hasNamespaces)(
  'a full disk does not keep the consumer from ending, and what it leaves comes again',
  async () => {
    const ledger = await openLedger();
    await paintFiles(ledger.folder, 20, 64);
    await sendFiles(ledger);
    const { consumer, output, log } = startOnSmallDisk(ledger);
    await expect.poll(log, patience).toContain('paused: ');
    await expectNothingSkipped(ledger, output);
    consumer.process.kill('SIGTERM');
    expect(await consumer.ended).toMatchObject({ exitCode: 1 });
    expect(log()).toMatch(
      /record \S+\[0\]@\d+ was not saved: ENOSPC.*It stays uncommitted and will be read again/,
    );

    // Whatever was committed is on the disk that is gone, and only that.
    const [offset] = await committed(ledger.group, ledger.topic);
    const rest = await succeed('consumer', [...consumerArgs(ledger), '--exit-at-end']);
    expect(rest).toMatchObject({ images: 20 - Math.max(offset!, 0), failed: 0, deadLettered: 0 });
  },
);

test.skipIf(!hasNamespaces)('an output that can only be read is refused at once, in one line', async () => {
  const ledger = await openLedger();
  const mount = 'mkdir "$1" && mount -t tmpfs -o ro none "$1" && shift && exec "$@"';
  const command = commandOf('consumer', consumerArgs(ledger));
  const ended = await run('unshare', ['-rm', 'sh', '-c', mount, 'sh', ledger.output, ...command]).ended;
  expect(ended.exitCode).toBe(1);
  expect(ended.stderr).toMatch(/^consumer: cannot write to the output directory [^\n]*EROFS[^\n]*\n$/);
});

test.skipIf(!hasLimits)('without a file descriptor the consumer pauses until there is one', async () => {
  const ledger = await openLedger();
  const consumer = start('consumer', consumerArgs(ledger));
  onTestFinished(() => void consumer.process.kill('SIGKILL'));
  const { log } = consumer;
  await paintFiles(ledger.folder, 5);
  await sendFiles(ledger);
  await expect.poll(() => lag(ledger), patience).toBe(0);

  // As many as it has at rest, and not one more.
  setDescriptorLimit(consumer, readdirSync(`/proc/${consumer.process.pid}/fd`).length);
  await paintFiles(ledger.folder, 5);
  await sendFiles(ledger);
  await expect.poll(log, patience).toContain('paused: ');
  expect(log()).toContain('EMFILE');
  await expectNothingSkipped(ledger, ledger.output);
  setDescriptorLimit(consumer, 1024);
  await expect.poll(() => lag(ledger), patience).toBe(0);
  consumer.process.kill('SIGTERM');
  expect(await consumer.ended).toMatchObject({ exitCode: 0 });
  await expectLedger(ledger);
});

describe('an error of the disk', () => {
  async function consumeWith(errorName: string) {
    const ledger = await openLedger();
    await paintFiles(ledger.folder, 5);
    await sendFiles(ledger);
    const args = [...consumerArgs(ledger), '--exit-at-end', '--json'];
    const faults = fileFaults(ledger.output, { FAULT_LINK_ERROR: errorName });
    return { ledger, ...(await start('consumer', args, faults).ended) };
  }

  // Node.js has no name for either.
  test.each(['EDQUOT', 'ESTALE'])('%s pauses the consumer, which goes on by itself', async (name) => {
    const { ledger, stderr, exitCode } = await consumeWith(name);
    expect(stderr).toContain('paused: ');
    expect(stderr).toContain('resumed after a pause');
    expect(exitCode).toBe(0);
    await expectLedger(ledger);
  });

  test('that nobody can wait out ends it with a line, and nothing is committed that is not saved', async () => {
    const { ledger, stderr, exitCode } = await consumeWith('ENOTDIR');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/ERROR: record \S+ was not saved: ENOTDIR: .*Fix that and start again/);
    expect(stderr).not.toContain('paused');
    expect(stderr).not.toContain('    at ');
    await expectNothingSkipped(ledger, ledger.output);
    await succeed('consumer', [...consumerArgs(ledger), '--exit-at-end']);
    await expectLedger(ledger);
  });

  test('that is about one image makes that one a dead letter', async () => {
    const { ledger, stdout, exitCode } = await consumeWith('ENAMETOOLONG');
    expect(exitCode).toBe(0);
    expect(summaryOf(stdout)).toMatchObject({ images: 3, deadLettered: 2, failed: 0 });
    const [letter] = await receive(`${ledger.topic}.dead-letter`, 1);
    const name = letter!.headers['__connect.errors.exception.class.name'];
    expect(String(name as Buffer)).toBe('Error.ENAMETOOLONG');
  });
});

describe('what is removed while the consumer runs', () => {
  async function runningConsumer() {
    const ledger = await openLedger();
    const consumer = start('consumer', consumerArgs(ledger));
    onTestFinished(() => void consumer.process.kill('SIGKILL'));
    await paintFiles(ledger.folder, 3);
    await sendFiles(ledger);
    await expect.poll(() => lag(ledger), patience).toBe(0);
    await paintFiles(ledger.folder, 3);
    return { ledger, consumer };
  }

  test('the folder of unfinished files is made again', async () => {
    const { ledger, consumer } = await runningConsumer();
    rmSync(join(ledger.output, '.tmp'), { recursive: true });
    await sendFiles(ledger);
    await expect.poll(() => lag(ledger), patience).toBe(0);
    consumer.process.kill('SIGTERM');
    expect(await consumer.ended).toMatchObject({ exitCode: 0 });
    await expectLedger(ledger);
  });

  test('the output directory is not: the consumer ends, and says so', async () => {
    const { ledger, consumer } = await runningConsumer();
    rmSync(ledger.output, { recursive: true });
    await sendFiles(ledger);
    const { exitCode, stderr } = await consumer.ended;
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`${ledger.output} was removed while images were saved there; start again`);
    expect(await lag(ledger)).toBe(6);
  });
});

function setDescriptorLimit({ process: { pid } }: Running, count: number): void {
  expect(spawnSync('prlimit', [`--pid=${pid}`, `--nofile=${count}:`]).status).toBe(0);
}
