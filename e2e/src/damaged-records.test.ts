import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { compressions, encodeImage, encodeNpy } from '@image-stream/codec';
import type { EncodeOptions, Image, OutgoingRecord } from '@image-stream/codec';
import type { Message } from 'kafkajs';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { filesIn } from './files.test-support.ts';
import { receive, send } from './kafka.test-support.ts';
import { consumerArgs, finishedFiles, lag, openLedger, recordsIn } from './ledger.test-support.ts';
import type { Ledger } from './ledger.test-support.ts';
import { peakMemoryOf, start, summaryOf } from './programs.test-support.ts';

const MiB = 1024 ** 2;

/** What changes follows from it. */
const seed = process.env['FUZZ_SEED'] ?? 'everyday';

/** How many there are; `pnpm test:faults --records N` sends more. */
const total = Number(process.env['FUZZ_RECORDS'] ?? '2000');
const timeout = 60_000 + 20 * total;

/** Of the records, one in so many stays as it is. */
const goodEvery = 10;

/**
 * No damage may make the consumer take much more than it does with good records. What is alive in its heap stays at 32 MB
 * however many come, and the heap may grow to six times as much: 330 MiB in all with 100,000.
 */
const memoryCap = 400 * MiB;

const createdAt = new Date('2026-01-02T03:04:05Z');
const pixels = { shape: [12, 16, 3], dtype: 'uint8', data: Buffer.alloc(12 * 16 * 3, 'pixels') } as const;
const encodings = ['png', 'jpeg', 'webp', 'tiff', 'gif', 'avif'] as const;

/** Every format of a record and of an image, made for an id and a customer. */
type Maker = (id: string, customerId: string) => Promise<Message[]>;

async function makers(): Promise<Maker[]> {
  const raw = { width: 16, height: 12, channels: 3 } as const;
  const files = await Promise.all(
    encodings.map(async (encoding) => ({
      mediaType: `image/${encoding}`,
      bytes: await sharp(pixels.data, { raw }).toFormat(encoding).toBuffer(),
    })),
  );
  const encoded =
    (content: Image['content'], options?: EncodeOptions): Maker =>
    (id, customerId) =>
      recordsOf({ id, customerId, createdAt, content }, options);
  const plain =
    (value: Buffer): Maker =>
    async (key, customer_id) => [{ key, value, headers: { customer_id } }];
  return [
    ...files.map((file) => encoded(file)),
    ...files.map((file) => unchecked(encoded(file))),
    ...files.map(({ bytes }) => plain(bytes)),
    ...compressions.map((compression) => encoded(pixels, { compression })),
    ...compressions.map((compression) => unchecked(encoded(pixels, { compression }))),
    encoded(pixels, { format: 'python-json' }),
    plain(Buffer.from(encodeNpy(pixels))),
    structured(files[0]!.bytes),
  ];
}

async function recordsOf(image: Image, options?: EncodeOptions): Promise<OutgoingRecord[]> {
  const records = [];
  for await (const record of encodeImage(image, options)) {
    records.push(record);
  }
  return records;
}

/** Without the size and the hash, which would tell of most damage before anything else is looked at. */
function unchecked(make: Maker): Maker {
  return async (id, customerId) =>
    (await make(id, customerId)).map(({ headers, ...message }) => {
      const { ce_payloadsize: _size, ce_payloadsha256: _hash, ...others } = headers!;
      return { ...message, headers: others };
    });
}

function structured(bytes: Buffer): Maker {
  return async (id, customerid) => {
    const event = {
      specversion: '1.0',
      type: 'snapshot',
      source: '/camera',
      time: createdAt,
      id,
      customerid,
    };
    const value = JSON.stringify({ ...event, data_base64: bytes.toString('base64') });
    return [{ key: id, value, headers: { 'content-type': 'application/cloudevents+json' } }];
  };
}

/** Noise, in several chunks. */
function chunked(bytes: Buffer): Maker {
  const content = { mediaType: 'image/png', bytes };
  return (id, customerId) => recordsOf({ id, customerId, createdAt, content }, { maxRecordBytes: 5000 });
}

/** A record with one part of it changed: a bit, or a few bytes less or more. */
function damaged(message: Message, dice: Buffer): Message {
  const headers = message.headers!;
  const [part, header, ...rest] = dice;
  const names = Object.keys(headers);
  if (part! >= 128 && names.length > 0) {
    const name = names[header! % names.length]!;
    return { ...message, headers: { ...headers, [name]: edited(headers[name] as string, rest) } };
  }
  return part! >= 112
    ? { ...message, key: edited(message.key as string, rest) }
    : { ...message, value: edited(message.value as string | Buffer, rest) };
}

function edited(content: string | Buffer, [high, low, length, kind, ...inserted]: number[]): Buffer {
  const bytes = Buffer.from(content as Buffer);
  const at = (high! * 256 + low!) % bytes.length;
  const end = at + 1 + (length! % 8);
  switch (kind! % 3) {
    case 0:
      bytes[at]! ^= 1 << (length! % 8);
      return bytes;
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    default:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(inserted.slice(0, end - at)),
        bytes.subarray(at),
      ]);
  }
}

/** An image that is not complete at the end of the topic has waited long enough. */
const longAgo = Date.now() - 3_600_000;

interface Sent {
  /** How many images were left as they are. */
  readonly good: number;
  /** For each image, the names that its records have in a header of their own. */
  readonly names: string[][];
}

/** Sends images of all makers in turn; of those that are damaged, it is one record. */
async function sendImages({ topic }: Ledger, makersInTurn: readonly Maker[], count: number): Promise<Sent> {
  const lanes = Array.from({ length: 8 }, (): Message[] => []);
  const names: string[][] = [];
  for (let index = 0; index < count; index++) {
    const isGood = index % goodEvery === 0;
    const dice = createHash('sha256').update(`${seed} ${index}`).digest();
    // Not by the index alone: the good ones are to be of all makers.
    const make = makersInTurn[Math.floor(index / goodEvery + index) % makersInTurn.length]!;
    const records = await make(`image-${index}`, isGood ? 'good' : 'damaged');
    const victim = isGood ? -1 : dice.at(-1)! % records.length;
    const messages = records.map((record, place) => {
      const { headers, ...message } = place === victim ? damaged(record, dice) : record;
      return { ...message, headers: { ...headers, name: `${index}-${place}` }, timestamp: String(longAgo) };
    });
    names.push(messages.map(({ headers }) => headers.name));
    lanes[index % lanes.length]!.push(...messages);
  }
  await Promise.all(lanes.map((messages) => send(topic, ...messages)));
  return { good: Math.ceil(count / goodEvery), names };
}

async function consume(ledger: Ledger) {
  const args = [
    ...consumerArgs(ledger),
    '--exit-at-end',
    '--max-bad-records',
    '0',
    '--concurrency',
    '16',
    '--json',
  ];
  const running = start('consumer', args);
  const peak = peakMemoryOf(running);
  const { exitCode, stdout, stderr } = await running.ended;
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  const summary = summaryOf(stdout);
  const letters = await recordsIn(`${ledger.topic}.dead-letter`);
  const { images, skipped, deadLettered } = summary;
  console.log(
    `seed ${seed}: ${images} saved, ${skipped} there already, ${deadLettered} bad (${letters} dead letters), ` +
      `peak memory ${Math.round(peak() / MiB)} MiB`,
  );
  expect(peak()).toBeLessThan(memoryCap);
  expect(await lag(ledger)).toBe(0);
  return { ...summary, letters };
}

/** The good images are there, whatever came between them, and they are images. */
async function expectGood({ output }: Ledger, count: number): Promise<void> {
  const files = finishedFiles(output);
  const good = files.filter((file) => file.startsWith('customer=good/'));
  expect(good).toHaveLength(count);
  for (const file of good) {
    await expect(sharp(join(output, file)).stats()).resolves.toBeDefined();
  }
}

test(
  'damaged records of every format are put aside, and the good ones among them are saved',
  { timeout },
  async () => {
    const ledger = await openLedger();
    const { good } = await sendImages(ledger, await makers(), total);
    const { images, skipped, failed, deadLettered, letters } = await consume(ledger);
    expect(failed).toBe(0);
    expect(deadLettered).toBeGreaterThan(total / 4);
    expect(letters).toBe(deadLettered);
    expect(images + skipped + deadLettered).toBe(total);
    expect(finishedFiles(ledger.output)).toHaveLength(images);
    // Nor is anything beside it.
    expect(filesIn(dirname(ledger.output))).toHaveLength(images);
    await expectGood(ledger, good);
  },
);

test(
  'damaged chunks are put aside with the rest of their image, and the good images among them are saved',
  { timeout },
  async () => {
    const ledger = await openLedger();
    const noise = createHash('shake256', { outputLength: 3 * 45 * 45 })
      .update(seed)
      .digest();
    const png = await sharp(noise, { raw: { width: 45, height: 45, channels: 3 } })
      .png()
      .toBuffer();
    const { good, names } = await sendImages(ledger, [chunked(png)], total / 20);
    const { images, failed, deadLettered, letters } = await consume(ledger);
    expect(failed).toBe(0);
    expect(deadLettered).toBeGreaterThan(total / 60);
    expect(finishedFiles(ledger.output)).toHaveLength(images);
    await expectGood(ledger, good);

    const saved = finishedFiles(ledger.output).join('\n');
    const received = await receive(`${ledger.topic}.dead-letter`, letters);
    const aside = new Set(received.map(({ headers }) => String(headers['name'])));
    const unsaved = names.filter((_records, index) => !saved.includes(`/image-${index}.png`));
    const nowhere = unsaved.map((records) => records.filter((name) => !aside.has(name)));
    // A chunk whose index was damaged makes another one a repeated one, which is left out.
    expect(nowhere.filter((records) => records.length > 1)).toEqual([]);
  },
);
