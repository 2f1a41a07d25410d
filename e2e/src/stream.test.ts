import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { filesIn, pixelsOf, temporaryFolder } from './files.test-support.ts';
import { createTopic, ends } from './kafka.test-support.ts';
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
