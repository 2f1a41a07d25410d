import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeImage } from '@image-stream/codec';
import type { OutgoingRecord } from '@image-stream/codec';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { filesIn } from './files.test-support.ts';
import { sendTogether } from './kafka.test-support.ts';
import { consumerArgs, expectLedger, lag, openLedger, recordsIn, sendFiles } from './ledger.test-support.ts';
import { commandOf, fileFaults, peakMemoryOf, run, start, summaryOf } from './programs.test-support.ts';

const MiB = 1024 ** 2;
/** `pnpm test:faults` has more of them. */
const uploads = process.env['FUZZ_RECORDS'] === undefined ? 2000 : 10_000;

/** Images of the side, and together the memory that the consumer may take. */
const [count, side] = [40, 1400];
const cap = count * 3 * side * side;

/** Node 24 reserves more than that before it reads anything, whatever it uses of it. */
const startsWithinCap = spawnSync('prlimit', [`--data=${cap}`, process.execPath, '--eval', '0']).status === 0;

test.skipIf(!startsWithinCap)(
  'with no more memory than the records take that could be in work at once, all are saved',
  { timeout: 120_000 },
  async () => {
    const ledger = await openLedger();
    for (let index = 0; index < count; index++) {
      const raw = { width: side, height: side, channels: 3 } as const;
      // Uncompressed, since that is faster.
      const png = await sharp(randomBytes(3 * side * side), { raw })
        .png({ compressionLevel: 0 })
        .toBuffer();
      await writeFile(join(ledger.folder, `noise-${index}.png`), png);
    }
    await sendFiles(ledger);

    // The system gives the process no more than this; before it reads anything, it has a good third of that.
    const limits = ['--max-in-flight-bytes', '24MiB', '--concurrency', String(count)];
    const consumer = run(
      'prlimit',
      [
        `--data=${cap}`,
        ...commandOf('consumer', [...consumerArgs(ledger), ...limits, '--exit-at-end', '--json']),
      ],
      // On a slow disk, all that may be in work at once is.
      fileFaults(ledger.output, { FAULT_LINK_DELAY: '400' }),
    );
    const peak = peakMemoryOf(consumer);
    const { exitCode, stdout, stderr } = await consumer.ended;
    console.log(`peak memory ${Math.round(peak() / MiB)} MiB of ${Math.round(cap / MiB)} MiB`);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(summaryOf(stdout)).toMatchObject({ images: count, failed: 0 });
    expect(peak()).toBeLessThan(cap);
    await expectLedger(ledger);
  },
);

test(
  'of a flood of uploads that never complete, as many wait as there is room for, and images among them are saved',
  { timeout: 60_000 + 30 * uploads },
  async () => {
    const ledger = await openLedger();
    const goodEvery = uploads / 10;
    const image = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'teal' } })
      .png()
      .toBuffer();
    const chunk = await firstChunk();
    const messages = Array.from({ length: uploads }, (_one, index) => {
      const id = `upload-${index}`;
      const first = { ...chunk, key: id, headers: { ...chunk.headers, ce_imageid: id } };
      return index % goodEvery === 0 ? [{ key: `image-${index}`, value: image }, first] : [first];
    }).flat();
    await sendTogether(ledger.topic, messages);

    // For fewer than 2000 chunks, whose headers have to be kept as well.
    const room = 6_000_000;
    const args = [
      '--max-incomplete-bytes',
      String(room),
      '--max-bad-records',
      '0',
      '--exit-at-end',
      '--json',
    ];
    const consumer = start('consumer', [...consumerArgs(ledger), ...args]);
    const memory = peakMemoryOf(consumer);
    const disk = peakDiskOf(join(ledger.output, '.tmp'), consumer.ended);
    const { exitCode, stdout } = await consumer.ended;
    const summary = summaryOf(stdout);
    console.log(
      `${uploads} uploads, ${summary.deadLettered} dead letters; peak memory ${Math.round(memory() / MiB)} MiB, ` +
        `peak disk ${disk()} of ${room} bytes`,
    );
    expect(exitCode).toBe(0);
    expect(summary).toMatchObject({ images: uploads / goodEvery, failed: 0 });
    expect(summary.deadLettered).toBeGreaterThan(0);
    expect(await recordsIn(`${ledger.topic}.dead-letter`)).toBe(summary.deadLettered);
    // What still waits at the end comes again.
    expect(await lag(ledger)).toBeGreaterThanOrEqual(uploads - summary.deadLettered);
    expect(filesIn(ledger.output)).toHaveLength(uploads / goodEvery);
    expect(memory()).toBeLessThan(350 * MiB);
    expect(disk()).toBeGreaterThan(room / 2);
    // The chunk that is one too many, and images on their way.
    expect(disk()).toBeLessThan(room + 20_000);
  },
);

/** The first of the chunks of an image, which it alone does not make. */
async function firstChunk(): Promise<OutgoingRecord> {
  const content = { mediaType: 'image/png', bytes: randomBytes(10_000) };
  const whole = { id: 'upload', customerId: 'flood', createdAt: new Date(0), content };
  for await (const record of encodeImage(whole, { maxRecordBytes: 6000 })) {
    return record;
  }
  throw new Error('an image has no records');
}

/** The most bytes that the files in the folders of a folder have had together so far. */
function peakDiskOf(folder: string, ended: Promise<unknown>): () => number {
  let peak = 0;
  const timer = setInterval(() => {
    const folders = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
    const files = folders.flatMap((one) =>
      existsSync(one) ? readdirSync(one).map((name) => join(one, name)) : [],
    );
    const sizes = files.map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
    peak = Math.max(
      peak,
      sizes.reduce((sum, size) => sum + size, 0),
    );
  }, 500);
  void ended.then(() => clearInterval(timer));
  return () => peak;
}
