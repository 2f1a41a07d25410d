import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic } from './kafka.test-support.ts';
import { peakMemoryOf, start } from './programs.test-support.ts';

const MiB = 1024 ** 2;
const width = 8192;
const height = 10_240;
const imageBytes = width * height * 3;

/** A TIFF of noise in strips of 1 MiB, written piece by piece: https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf */
async function writeTiff(path: string): Promise<void> {
  const file = await open(path, 'w');
  const count = imageBytes / MiB;
  const strip = randomBytes(MiB);
  const header = Buffer.from('II*\0\0\0\0\0', 'latin1');
  header.writeUInt32LE(8 + imageBytes, 4);
  await file.write(header);
  for (let index = 0; index < count; index++) {
    strip.writeUInt32LE(index);
    await file.write(strip);
  }
  const tables = 8 + imageBytes + 2 + 9 * 12 + 4;
  const entries = [
    [256, width, 1],
    [257, height, 1],
    [258, 8, 1],
    [259, 1, 1],
    [262, 2, 1],
    [273, tables, count],
    [277, 3, 1],
    [278, MiB / (width * 3), 1],
    [279, tables + count * 4, count],
  ];
  const directory = Buffer.alloc(2 + entries.length * 12 + 4);
  directory.writeUInt16LE(entries.length);
  for (const [index, [tag, value, values]] of entries.entries()) {
    directory.writeUInt16LE(tag!, 2 + index * 12);
    directory.writeUInt16LE(4, 4 + index * 12);
    directory.writeUInt32LE(values!, 6 + index * 12);
    directory.writeUInt32LE(Math.ceil(value!), 10 + index * 12);
  }
  const numbers = Uint32Array.from({ length: count * 2 }, (_one, index) =>
    index < count ? 8 + index * MiB : MiB,
  );
  await file.write(Buffer.concat([directory, new Uint8Array(numbers.buffer)]));
  await file.close();
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Runs a program that has nothing to tell. @returns the most memory that it had, in bytes */
async function peakMemory(program: 'producer' | 'consumer', args: readonly string[]): Promise<number> {
  const running = start(program, [...args, '--quiet']);
  const peak = peakMemoryOf(running);
  const { exitCode, stderr } = await running.ended;
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  return peak();
}

test.skipIf(process.platform !== 'linux')(
  'an image of 240 MiB goes through a topic with the default limit, and no program holds it whole',
  async () => {
    const folder = temporaryFolder();
    const output = join(folder, 'output');
    const path = join(folder, 'scan.tif');
    await writeTiff(path);
    const topic = await createTopic(1, '1048588');

    const produced = await peakMemory('producer', [path, '-t', topic]);
    const consumed = await peakMemory('consumer', [
      '-t',
      topic,
      '-gid',
      topic,
      '-o',
      output,
      '--exit-at-end',
    ]);
    console.log(
      `peak memory: producer ${Math.round(produced / MiB)} MiB, consumer ${Math.round(consumed / MiB)} MiB`,
    );

    const [file, ...others] = filesIn(output);
    expect(others).toEqual([]);
    expect(await sha256(join(output, file!))).toBe(await sha256(path));
    for (const peak of [produced, consumed]) {
      expect(peak).toBeGreaterThan(0);
      expect(peak).toBeLessThan(imageBytes);
    }
  },
);
