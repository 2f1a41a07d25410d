import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bytesOf } from '@image-stream/codec';
import { generateImage } from '@image-stream/image-io';
import sharp from 'sharp';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { filesIn, pixelsOf, temporaryFolder } from './files.test-support.ts';
import { createTopic, ends } from './kafka.test-support.ts';
import { run, succeed } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';
import { hasPython, preparePython, python } from './python.test-support.ts';

const seconds = { timeout: 30_000 };
const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;

test.skipIf(!hasFfmpeg)('camera.sh sends what a camera sees', async () => {
  const topic = await createTopic();
  const camera = ['-f', 'lavfi', '-i', 'testsrc=duration=2:size=320x240'];
  const { exitCode, stderr } = await example('camera.sh', camera, { IMAGE_STREAM_TOPIC: topic }).ended;
  expect(exitCode, stderr).toBe(0);

  const { output, files } = await save(topic);
  expect(files).toHaveLength(4);
  expect(files[0]).toMatch(/^customer=camera\/.*\.jpg$/);
  expect((await pixelsOf(join(output, files[0]!))).shape).toEqual([240, 320, 3]);
});

test('watch.sh sends what is put into a folder', async () => {
  const topic = await createTopic();
  const folder = temporaryFolder();
  const watch = example('watch.sh', [folder], { IMAGE_STREAM_TOPIC: topic });
  const picture = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'olive' } })
    .png()
    .toBuffer();
  mkdirSync(join(folder, 'lab-7'));
  writeFileSync(join(folder, 'lab-7', 'scan.png'), picture);
  await expect.poll(() => ends(topic), seconds).toBe(1);
  watch.process.kill('SIGTERM');
  expect((await watch.ended).exitCode).toBe(0);

  const { output, files } = await save(topic);
  expect(files).toEqual([expect.stringMatching(/^customer=lab-7\/.*scan.*\.png$/)]);
  expect(readFileSync(join(output, files[0]!)).equals(picture)).toBe(true);
});

test('consumer.js prints the images that come, and leaves at Ctrl-C', async () => {
  const topic = await createTopic();
  await succeed('producer', [...['-t', topic, '-n', '1', '-cid', 'one'], ...small]);
  await succeed('producer', [...['-t', topic, '-n', '1', '-cid', 'two', '--encoding', 'npy'], ...small]);
  const consumer = run(process.execPath, [join(examples, 'consumer.js'), topic]);
  const stdout = stdoutOf(consumer);
  await expect.poll(stdout, seconds).toMatch(/^one \S+ image\/png\ntwo \S+ pixels of 48 x 64 x 3\n$/);
  consumer.process.kill('SIGINT');
  expect(await consumer.ended).toMatchObject({ exitCode: 0, stderr: '' });
});

test('producer.js sends pixels that the consumer saves', async () => {
  const topic = await createTopic();
  const { exitCode, stdout, stderr } = await run(process.execPath, [
    join(examples, 'producer.js'),
    topic,
    '3',
  ]).ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/^(sent \S+\n){3}3 images\n$/);

  const { output, files } = await save(topic);
  expect(files).toHaveLength(3);
  const { shape, data } = await pixelsOf(join(output, files[0]!));
  expect(shape.slice(0, 2)).toEqual([480, 640]);
  expect([data[0], data.at(-1)]).toEqual([255, 0]);
});

describe.skipIf(!hasPython)('in Python', () => {
  beforeAll(preparePython, 300_000);

  test.each(['png', 'npy'])('read.py reads what the producer sends as %s', async (encoding) => {
    const topic = await createTopic();
    await succeed('producer', ['-t', topic, '-n', '2', '-cid', 'café', '--encoding', encoding, ...small]);
    const read = run(python, [join(examples, 'read.py'), topic]);
    onTestFinished(() => void read.process.kill());
    const stdout = stdoutOf(read);
    const lines = (): string[] => stdout().trim().split('\n');
    await expect.poll(lines, seconds).toHaveLength(2);
    // Either of them can arrive first.
    const expected = [0, 1].map((index) =>
      expect.stringMatching(`^café \\S+ \\(48, 64, 3\\) uint8 mean ${mean(index)}$`),
    );
    expect(lines()).toEqual(expect.arrayContaining(expected));
  });

  test('write.py sends an image that the consumer saves', async () => {
    const topic = await createTopic();
    const { exitCode, stdout, stderr } = await run(python, [join(examples, 'write.py'), topic]).ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const id = /^sent (\S+)\n$/.exec(stdout)?.[1];

    const { output, files } = await save(topic);
    expect(files).toEqual([expect.stringMatching(`^customer=python/date=[\\d-]+/${id}\\.png$`)]);
    const { shape, data } = await pixelsOf(join(output, files[0]!));
    expect(shape).toEqual([480, 640, 3]);
    expect([...data.subarray(0, 3), ...data.subarray(320 * 3, 320 * 3 + 3)]).toEqual([255, 0, 0, 0, 0, 0]);
  });

  test('load.py gives batches of one customer and the days since', async () => {
    const topic = await createTopic();
    await succeed('producer', ['-t', topic, '-n', '1', '-cid', 'gate 1', ...small]);
    await succeed('producer', ['-t', topic, '-n', '2', '-cid', 'gate 2', ...small]);
    const { output } = await save(topic);
    const load = async (customer: string, since: string): Promise<string> => {
      const { stdout, stderr } = await run(python, [join(examples, 'load.py'), output, customer, since])
        .ended;
      return stdout + stderr;
    };
    expect(await load('gate 1', '2026-01-01')).toBe(`(1, 48, 64, 3) uint8 mean ${mean(0)}\n`);
    expect(await load('gate 2', '2026-01-01')).toMatch(/^\(2, 48, 64, 3\) uint8/);
    expect(await load('gate 1', '9999-01-01')).toBe('');
  });
});

const small = ['--width', '64', '--height', '48', '--pattern', 'rings', '--seed', 'example'];

/** Of the image that `small` makes, as Python prints it. */
function mean(index: number): string {
  const pixels = generateImage({ pattern: 'rings', width: 64, height: 48, seed: 'example', index });
  const bytes = bytesOf(pixels);
  return (bytes.reduce((sum, value) => sum + value, 0) / bytes.length).toFixed(3);
}

function example(name: string, args: readonly string[], environment: NodeJS.ProcessEnv): Running {
  return run(join(examples, name), args, environment);
}

/** What a program has printed so far. */
function stdoutOf({ process: child }: Running): () => string {
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += String(chunk)));
  return () => stdout;
}

async function save(topic: string): Promise<{ output: string; files: string[] }> {
  const output = join(temporaryFolder(), 'output');
  await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
  return { output, files: filesIn(output) };
}
