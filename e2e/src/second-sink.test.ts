import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';
import type { RolldownOptions } from 'rolldown';
import { beforeAll, expect, onTestFailed, test } from 'vitest';
import type { Answer, Question } from './batch-sink.test-support.ts';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { committed, createTopic, ends } from './kafka.test-support.ts';
import { paintFiles, sendFiles } from './ledger.test-support.ts';
import { bootstrapServers } from './programs.test-support.ts';

// Where a process finds the consumer's dependencies.
const folder = new URL('../../apps/consumer/node_modules/.second-sink/', import.meta.url);
const program = fileURLToPath(new URL('batch-sink.test-support.js', folder));

const images = 45;

beforeAll(async () => {
  const input = fileURLToPath(new URL('batch-sink.test-support.ts', import.meta.url));
  const shared = new URL('../../rolldown.shared.js', import.meta.url).href;
  const { app } = (await import(shared)) as { app: () => RolldownOptions };
  await build({ ...app(), input, output: { dir: fileURLToPath(folder) } });
  return () => rmSync(folder, { recursive: true });
});

test(
  'a sink that keeps images elsewhere, ten at a time, loses none when the consumer is killed at any step',
  {
    timeout: 240_000,
  },
  async () => {
    const sent = temporaryFolder();
    const topic = await createTopic(2, '100000');
    await paintFiles(sent, images - 1);
    // In chunks.
    await paintFiles(sent, 1, 250);
    await sendFiles({ folder: sent, topic, servers: bootstrapServers });

    const kept = new Map<string, Uint8Array>();
    const saved = new Set<string>();
    for (let step = 1; ; step++) {
      const exitCode = await consume(topic, step, kept, (key, bytes) => {
        // Create means create: nothing is put in the place of another.
        expect(saved).not.toContain(key);
        saved.add(key);
        kept.set(key, bytes);
      });
      const done = (await committed(topic, topic)).reduce((sum, offset) => sum + Math.max(0, offset), 0);
      expect(done).toBeLessThanOrEqual(recordsOf(kept, await ends(topic)));
      if (exitCode === 0) {
        expect(step).toBeGreaterThan(12);
        break;
      }
    }
    const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
    expect([...kept.values()].map(hash).toSorted()).toEqual(
      filesIn(sent)
        .map((file) => hash(readFileSync(join(sent, file))))
        .toSorted(),
    );
    expect((await committed(topic, topic)).reduce((sum, offset) => sum + offset, 0)).toBe(await ends(topic));
  },
);

/** At most so many records can be done: each image that is not kept holds back one at least. */
function recordsOf(kept: ReadonlyMap<string, unknown>, all: number): number {
  return all - (images - kept.size);
}

/** Runs the consumer until it ends, or is killed at a step. @returns its exit code, null where it was killed */
async function consume(
  topic: string,
  step: number,
  kept: ReadonlyMap<string, Uint8Array>,
  keep: (key: string, bytes: Uint8Array) => void,
): Promise<number | null> {
  const args = ['-bs', bootstrapServers, '-t', topic, '-gid', topic, '-o', temporaryFolder()];
  const impatient = ['-X', 'session.timeout.ms=1000', '-X', 'heartbeat.interval.ms=200'];
  const child = fork(program, [...args, ...impatient, '--exit-at-end', '--log-format', 'text'], {
    env: { PATH: process.env['PATH'], STEP: String(step) },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let logged = '';
  child.stderr!.on('data', (chunk: Buffer) => (logged += String(chunk)));
  onTestFailed(() =>
    console.error(`What the consumer logged that was to be killed at step ${step}:\n${logged}`),
  );
  child.on('message', (question: Question) => {
    if (question.kind === 'keep') {
      question.entries.forEach(([key, bytes]) => keep(key, bytes));
    }
    const answer: Answer =
      question.kind === 'find' ? { id: question.id, bytes: kept.get(question.key) } : { id: question.id };
    if (child.connected) {
      child.send(answer, () => {});
    }
  });
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return exitCode;
}
