import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { filesIn, pixelsOf, temporaryFolder } from './files.test-support.ts';
import { createTopic, ends, uniqueName } from './kafka.test-support.ts';
import { bootstrapServers, succeed, summaryOf } from './programs.test-support.ts';

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
const producer = fileURLToPath(new URL('../../apps/producer/dist/main.js', import.meta.url));

test.skipIf(!hasFfmpeg)('a film piped from ffmpeg arrives frame by frame, while it goes on', async () => {
  const topic = await createTopic();
  const output = join(temporaryFolder(), 'output');
  // In real time, so that frames must arrive before the film has ended.
  const film = ['-re', '-f', 'lavfi', '-i', 'testsrc=duration=4:rate=5:size=320x240'];
  const ffmpeg = spawn('ffmpeg', ['-loglevel', 'error', ...film, '-f', 'image2pipe', '-c:v', 'mjpeg', '-'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const child = spawn(
    process.execPath,
    [producer, '-', '-t', topic, '-cid', 'film', '--json', '-bs', bootstrapServers],
    {
      stdio: [ffmpeg.stdout, 'pipe', 'pipe'],
    },
  );
  const ended = Promise.all([once(child, 'close'), text(child.stdout)]);
  await expect.poll(() => ends(topic), { timeout: 20_000 }).toBeGreaterThan(0);
  expect(ffmpeg.exitCode).toBeNull();

  const [[exitCode], stdout] = await ended;
  expect(exitCode).toBe(0);
  expect(summaryOf(stdout)).toMatchObject({ images: 20, failed: 0 });
  await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
  const files = filesIn(output);
  expect(files).toHaveLength(20);
  expect(files[0]).toMatch(/^customer=film\/date=[\d-]+\/[0-9a-f-]{36}\.jpg$/);
  expect((await pixelsOf(join(output, files[0]!))).shape).toEqual([240, 320, 3]);
});

/** A JPEG that differs from those of other numbers. */
const frame = (number: number): Promise<Buffer> =>
  sharp({ create: { width: 64, height: 48, channels: 3, background: { r: number * 12, g: 90, b: 40 } } })
    .jpeg()
    .toBuffer();

/** The producer, with bytes on its standard input. */
async function produce(input: Buffer, args: readonly string[]) {
  const child = spawn(process.execPath, [producer, ...args, '-bs', bootstrapServers], { stdio: 'pipe' });
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  child.stdin.end(input);
  const [[exitCode], stdout, stderr] = await ended;
  return { exitCode: exitCode as number, stdout, stderr };
}

test('of parts of multipart/x-mixed-replace, a damaged one is named, and the others arrive', async () => {
  const topic = await createTopic();
  const output = join(temporaryFolder(), 'output');
  const frames = await Promise.all(Array.from({ length: 20 }, (_one, index) => frame(index + 1)));
  frames[9] = frames[9]!.subarray(0, -30);
  const head = Buffer.from('--camera\r\nContent-Type: image/jpeg\r\n\r\n');
  const parts = frames.map((one) => Buffer.concat([head, one, Buffer.from('\r\n')]));
  const place = Buffer.concat(parts.slice(0, 9)).length + head.length;

  const { exitCode, stdout, stderr } = await produce(Buffer.concat(parts), ['-', '-t', topic, '--json']);
  expect(exitCode).toBe(1);
  expect(summaryOf(stdout)).toMatchObject({ images: 19, failed: 1 });
  const end = place + frames[9].length + 2 + head.length;
  expect(stderr).toContain(
    `image 10 of standard input, at byte ${place}, was not sent: another image begins within it, at byte ${end}`,
  );
  await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
  const saved = filesIn(output).map((file) => readFileSync(join(output, file)).toString('base64'));
  const sent = frames.filter((_one, index) => index !== 9).map((one) => one.toString('base64'));
  expect(saved.toSorted()).toEqual(sent.toSorted());
});

test.each([
  ['nothing', Buffer.alloc(0)],
  ['nothing but padding', Buffer.from('\0\0\r\n')],
  ['a boundary and no image', Buffer.from('--camera\r\n')],
])('an input of %s has failed', async (_what, input) => {
  const { exitCode, stderr } = await produce(input, ['-', '-t', uniqueName(), '--dry-run']);
  expect(exitCode).toBe(1);
  expect(stderr).toContain('standard input cannot be sent: it ended without an image');
});

test('standard input twice is a usage error, and nothing is sent', async () => {
  const topic = await createTopic();
  const ended = await produce(await frame(1), ['-', '-t', topic, '-']);
  expect(ended).toMatchObject({ exitCode: 2, stdout: '' });
  expect(ended.stderr).toContain('- is given 2 times, but standard input can be read only once');
  expect(await ends(topic)).toBe(0);
});
