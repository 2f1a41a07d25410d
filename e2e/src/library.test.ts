import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import {
  CodecError,
  ImageStreamError,
  isPixelArray,
  KafkaConfigError,
  receive,
  send,
} from '@image-stream/cli';
import type { ImageToSend, PixelArray, ReceivedFile, ReceivedImage, ReceiveOptions } from '@image-stream/cli';
import { deadLetterReason } from '@image-stream/codec';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import * as kafka from './kafka.test-support.ts';
import {
  expectLedger,
  finishedFiles,
  lag,
  openLedger,
  paintFiles,
  recordsIn,
  sendFiles,
} from './ledger.test-support.ts';
import { bootstrapServers, run } from './programs.test-support.ts';

const properties = { 'bootstrap.servers': bootstrapServers };
const patience = { timeout: 20_000, interval: 20 };

/** A PNG file of noise. */
async function paint(side = 16): Promise<Buffer> {
  const raw = { width: side, height: side, channels: 3 } as const;
  return sharp(randomBytes(3 * side * side), { raw })
    .png()
    .toBuffer();
}

function receiving(topic: string, options: ReceiveOptions = {}): ReturnType<typeof receive> {
  return receive({ topic, group: topic, properties, ...options });
}

/** All images that are there now. */
async function allOf(topic: string, options: ReceiveOptions = {}): Promise<ReceivedImage[]> {
  return collected(receiving(topic, { stopAtEnd: true, ...options }));
}

async function collected(images: ReturnType<typeof receive>): Promise<ReceivedImage[]> {
  const all: ReceivedImage[] = [];
  for await (const image of images) {
    all.push(image);
  }
  return all;
}

const committed = async (topic: string): Promise<number[]> => kafka.committed(topic, topic);

describe('send', () => {
  test('takes pixels, bytes, files, and what was received, and says when each is acknowledged', async () => {
    const topic = await kafka.createTopic();
    const [bytes, folder] = [await paint(), temporaryFolder()];
    await paintFiles(folder, 1);
    const path = join(folder, filesIn(folder)[0]!);
    const pixels: PixelArray = {
      shape: [2, 3],
      dtype: 'uint16',
      data: Uint16Array.of(1, 2, 3, 4, 5, 65_535),
    };
    const sent: [image: ImageToSend, id: string][] = [];
    const images: ImageToSend[] = [
      { id: 'pixels', customerId: 'lab 7', createdAt: new Date('2020-02-29T12:00:00Z'), content: pixels },
      { content: { bytes } },
      { content: { path } },
    ];
    const summary = await send(images, {
      topic,
      properties: { ...properties, acks: 'all' },
      onSent: (image, id) => void sent.push([image, id]),
    });
    expect(summary).toMatchObject({ images: 3, failed: 0 });
    expect(sent.map(([image]) => image)).toEqual(expect.arrayContaining(images));

    const received = new Map<string, ReceivedImage>();
    const again: ImageToSend[] = [];
    for await (const image of receiving(topic, { stopAtEnd: true })) {
      received.set(image.id, image);
      if (!isPixelArray(image.content)) {
        expect([await image.content.bytes(), await buffer(image.content.stream())]).toEqual(
          [image.filename === undefined ? bytes : readFileSync(path)].flatMap((one) => [one, one]),
        );
        again.push({ ...image, id: `${image.id} again` });
      }
    }
    expect(new Set(received.keys())).toEqual(new Set(sent.map(([, id]) => id)));
    expect(received.get('pixels')).toMatchObject({
      customerId: 'lab 7',
      createdAt: new Date('2020-02-29T12:00:00Z'),
      content: pixels,
      topic,
      partition: 0,
    });
    const ofFile = [...received.values()].find(({ filename }) => filename !== undefined);
    expect(ofFile).toMatchObject({ customerId: 'default', content: { mediaType: 'image/png', width: 16 } });
    // The content of a received file can be sent on.
    expect(await send(again, { topic, properties })).toMatchObject({ images: 2 });
    const ids = (await allOf(topic)).map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set(again.map(({ id }) => id)));
  });

  test('ends at the first image that fails, or tells of each', async () => {
    const topic = await kafka.createTopic();
    const bad: ImageToSend = { id: 'bad', content: { bytes: Buffer.from('no image') } };
    const missing: ImageToSend = { content: { path: 'nowhere.png' } };
    const shapeless: ImageToSend = {
      id: 'flat',
      content: { shape: [0, 3], dtype: 'uint8', data: new Uint8Array(0) },
    };
    const error = await send([bad], { topic, properties }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ImageStreamError);
    expect(error).toMatchObject({
      code: 'NOT_SENT',
      message: expect.stringMatching(/^image bad was not sent: /),
    });

    const failed: [image: ImageToSend, error: Error][] = [];
    const onFailed = (image: ImageToSend, why: Error): void => void failed.push([image, why]);
    const good: ImageToSend = { content: { bytes: await paint() } };
    // What no compiler has seen.
    const data = new Uint8Array(6);
    const strange = [
      ...[
        undefined,
        null,
        'scan.png',
        {},
        { path: 7 },
        { bytes: 'bytes' },
        { bytes: [1] },
        { read: 1, size: 2 },
      ],
      ...[
        { shape: [2, 3], dtype: 'uint8' },
        { shape: 6, dtype: 'uint8', data },
        { shape: [2, 3], dtype: 'f4', data },
      ],
    ].map((content) => ({ content }) as unknown as ImageToSend);
    const summary = await send([bad, missing, shapeless, ...strange, good], { topic, properties, onFailed });
    expect(summary).toMatchObject({ images: 1, failed: 3 + strange.length });
    expect(failed.map(([image]) => image)).toEqual(
      expect.arrayContaining([bad, missing, shapeless, ...strange]),
    );
    for (const [image, why] of failed.filter(([one]) => strange.includes(one))) {
      expect({ image, code: (why as { code?: string }).code }).toEqual({ image, code: 'INVALID_IMAGE' });
    }
    expect(failed.find(([image]) => image === shapeless)![1]).toBeInstanceOf(CodecError);
  });

  test('asks for an image when there is room, and acknowledges what has begun when asked to stop', async () => {
    const topic = await kafka.createTopic();
    const stopping = new AbortController();
    const bytes = await paint();
    let isClosed = false;
    let [asked, acknowledged, most] = [0, 0, 0];
    async function* endless(): AsyncGenerator<ImageToSend> {
      try {
        for (;;) {
          asked += 1;
          most = Math.max(most, asked - acknowledged);
          yield { content: { bytes } };
        }
      } finally {
        isClosed = true;
      }
    }
    const summary = await send(endless(), {
      topic,
      properties,
      maxInFlightBytes: 4 * bytes.length,
      signal: stopping.signal,
      onSent() {
        acknowledged += 1;
        if (acknowledged === 20) {
          stopping.abort();
        }
      },
    });
    expect(isClosed).toBe(true);
    expect(summary.images).toBe(acknowledged);
    expect(await kafka.ends(topic)).toBe(acknowledged);
    // Four in flight, and those that wait for room or have just been acknowledged.
    expect(most).toBeLessThan(10);
  });

  test('stops also while it waits for the next image, and throws what the images or onSent throw', async () => {
    const topic = await kafka.createTopic();
    const bytes = await paint();
    const stopping = new AbortController();
    async function* silent(): AsyncGenerator<ImageToSend> {
      yield { content: { bytes } };
      await new Promise(() => {});
    }
    const options = { topic, properties, signal: stopping.signal, onSent: () => stopping.abort() };
    expect(await send(silent(), options)).toMatchObject({ images: 1 });

    async function* broken(): AsyncGenerator<ImageToSend> {
      yield { content: { bytes } };
      throw new Error('the camera is gone');
    }
    await expect(send(broken(), { topic, properties })).rejects.toThrow('the camera is gone');
    expect(await kafka.ends(topic)).toBe(2);
    const onSent = (): void => {
      throw new Error('the note cannot be written');
    };
    await expect(send([{ content: { bytes } }], { topic, properties, onSent })).rejects.toThrow('the note');
  });
});

describe('receive', () => {
  async function sendNumbered(topic: string, count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      await send([{ id: String(index), content: { bytes: await paint(index === 0 ? 256 : 8) } }], {
        topic,
        properties,
      });
    }
  }

  test('gives images in their order, and commits what the loop has gone past', async () => {
    const topic = await kafka.createTopic();
    await sendNumbered(topic, 6);
    const seen: string[] = [];
    const images = receiving(topic);
    for await (const { id, offset } of images) {
      expect(offset).toBe(id);
      seen.push(id);
      if (id === '2') {
        // The two before it, and not this one.
        await expect.poll(() => committed(topic), patience).toEqual([2]);
        break;
      }
    }
    expect(await committed(topic)).toEqual([2]);

    const failing = async (): Promise<void> => {
      for await (const { id } of receiving(topic)) {
        seen.push(id);
        if (id === '4') {
          throw new Error('the disk of the user');
        }
      }
    };
    await expect(failing()).rejects.toThrow('the disk of the user');
    expect(await committed(topic)).toEqual([4]);
    seen.push(...(await allOf(topic)).map(({ id }) => id));
    expect(seen.join(' ')).toBe('0 1 2 2 3 4 4 5');
    expect(await committed(topic)).toEqual([6]);
    expect((await allOf(topic, { fromBeginning: true, limit: 2 })).map(({ id }) => id)).toEqual(['0', '1']);
    expect((await allOf(topic, { group: undefined, partitions: [0] })).length).toBe(6);
  });

  test('fetches no more ahead of the loop than it is told', async () => {
    const topic = await kafka.createTopic();
    await sendNumbered(topic, 8);
    const bounded: ReceiveOptions = { maxInFlightImages: 2, stopAtEnd: true };
    const seen: string[] = [];
    for await (const { id } of receiving(topic, bounded)) {
      seen.push(id);
    }
    expect(seen).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    // Each of them larger than all that may be in memory.
    expect(await allOf(topic, { fromBeginning: true, maxInFlightBytes: 1 })).toHaveLength(8);
  });

  test('ends when asked to: with what has been done committed, and the group left', async () => {
    const topic = await kafka.createTopic();
    await sendNumbered(topic, 4);
    const stopping = new AbortController();
    const seen: string[] = [];
    for await (const { id } of receiving(topic, { signal: stopping.signal })) {
      seen.push(id);
      if (id === '1') {
        stopping.abort();
      }
    }
    expect(seen).toEqual(['0', '1']);
    // The loop was done with the one in which it was asked.
    expect(await committed(topic)).toEqual([2]);
    const { groups } = await kafka.withAdmin((admin) => admin.describeGroups([topic]));
    expect(groups[0]!.members).toEqual([]);
    // Before it begins, and while nothing comes.
    expect(await collected(receiving(topic, { signal: AbortSignal.abort() }))).toEqual([]);
    const waiting = new AbortController();
    const rest: string[] = [];
    const reading = (async () => {
      for await (const { id } of receiving(topic, { signal: waiting.signal })) {
        rest.push(id);
      }
    })();
    await expect.poll(() => committed(topic), patience).toEqual([4]);
    waiting.abort();
    await reading;
    expect(rest).toEqual(['2', '3']);
  });

  test('gives an image in chunks whole, as a stream of what is on disk', async () => {
    const topic = await kafka.createTopic(1, '20000');
    const bytes = await paint(600);
    const wide: PixelArray = { shape: [300, 200, 3], dtype: 'uint8', data: randomBytes(180_000) };
    await send(
      [
        { id: 'file', content: { bytes } },
        { id: 'pixels', content: wide },
      ],
      { topic, properties },
    );
    expect(await kafka.ends(topic)).toBeGreaterThan(20);
    const scratchDirectory = temporaryFolder();
    let kept: ReceivedFile | undefined;
    const seen: string[] = [];
    for await (const { id, content } of receiving(topic, { stopAtEnd: true, scratchDirectory })) {
      seen.push(id);
      if (isPixelArray(content)) {
        expect(content.shape).toEqual(wide.shape);
        expect(Buffer.from(content.data.buffer, content.data.byteOffset, content.data.byteLength)).toEqual(
          wide.data,
        );
      } else {
        expect(content).toMatchObject({ mediaType: 'image/png', width: 600, size: bytes.length });
        expect((await buffer(content.stream())).equals(bytes)).toBe(true);
        expect(Buffer.from(await content.bytes()).equals(bytes)).toBe(true);
        kept = content;
      }
    }
    expect(seen.toSorted()).toEqual(['file', 'pixels']);
    expect(await committed(topic)).toEqual([await kafka.ends(topic)]);
    // It was there until the loop went on.
    await expect(kept!.bytes()).rejects.toMatchObject({ code: 'ENOENT' });
    expect(filesIn(scratchDirectory)).toEqual([]);
  });

  test('an image in chunks at which the loop ended comes again', async () => {
    const topic = await kafka.createTopic(1, '20000');
    await send([{ id: 'large', content: { bytes: await paint(300) } }], { topic, properties });
    for (let round = 0; round < 2; round++) {
      for await (const { id } of receiving(topic)) {
        expect(id).toBe('large');
        break;
      }
      expect(await committed(topic)).toEqual([-1]);
    }
    expect(await allOf(topic)).toHaveLength(1);
  });

  test('bad records go to the dead letters, to a function, or end it', async () => {
    const topic = await kafka.createTopic();
    const bytes = await paint();
    await kafka.send(topic, { value: bytes }, { value: 'no image' }, { value: bytes });
    expect(await allOf(topic)).toHaveLength(2);
    const letters = `${topic}.dead-letter`;
    expect(await recordsIn(letters)).toBe(1);
    const [letter] = await kafka.receive(letters, 1);
    expect(deadLetterReason({ ...letter!, topic: letters, partition: 0, offset: '0' })).toMatchObject({
      offset: '1',
    });

    const bad: [offset: string, code: string][] = [];
    const onError: ReceiveOptions['onError'] = ({ record, error }) =>
      void bad.push([record.offset, error.code]);
    const other = kafka.uniqueName();
    expect(await allOf(topic, { group: other, onError })).toHaveLength(2);
    expect(bad).toEqual([['1', 'UNRECOGNIZED_FORMAT']]);
    expect(await recordsIn(letters)).toBe(1);

    const third = kafka.uniqueName();
    const seen: string[] = [];
    const stopped = (async () => {
      for await (const { offset } of receiving(topic, { group: third, onError: 'stop' })) {
        seen.push(offset);
      }
    })();
    const error = await stopped.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ImageStreamError);
    expect(error).toMatchObject({ code: 'NOT_RECEIVED', cause: expect.any(CodecError) });
    expect(seen).toEqual(['0']);
    expect(await kafka.committed(third, topic)).toEqual([1]);
  });

  test('options that are not allowed, and brokers that are not there, are errors', async () => {
    const invalid: [ReceiveOptions, RegExp][] = [
      [{ limit: 0 }, /^limit must be a whole number of at least 1, not 0$/],
      [{ maxInFlightBytes: 1.5 }, /^maxInFlightBytes must be/],
      [{ group: 'one', customer: 'two' }, /selection reads without a group/],
      [{ onError: 'stop', deadLetterTopic: 'letters' }, /deadLetterTopic has no effect/],
    ];
    for (const [options, message] of invalid) {
      const error = await receive(options)
        .next()
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringMatching(message) });
    }
    const wrong = { 'bootstrap.servers': 'localhost:29092', 'session.timeout.ms': 'soon' };
    await expect(receive({ properties: wrong }).next()).rejects.toThrow(KafkaConfigError);
    await expect(send([], { properties: wrong })).rejects.toThrow(
      /session\.timeout\.ms must be .*, not 'soon' \(properties\)/,
    );
  });
});

test('without a broker both reject, and leave nothing that keeps the process', async () => {
  const script = `import { receive, send } from '@image-stream/cli';
    const options = { properties: { 'bootstrap.servers': '127.0.0.1:1' } };
    const verbs = [send([], options), receive(options).next()];
    console.log((await Promise.allSettled(verbs)).map(({ reason }) => reason.code).join());`;
  const here = fileURLToPath(new URL('..', import.meta.url));
  const args = ['--input-type=module', '-e', script];
  const { exitCode, stdout, stderr } = await run(process.execPath, args, {}, here).ended;
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 0,
    stdout: 'UNREACHABLE,UNREACHABLE\n',
    stderr: '',
  });
});

test('a consumer on receive that is killed again and again saves each image once', async () => {
  const ledger = await openLedger(2, '20000');
  const { topic, output, folder } = ledger;
  await paintFiles(folder, 150);
  // In chunks.
  await paintFiles(folder, 3, 400);
  await sendFiles(ledger);
  const script = fileURLToPath(new URL('save-received.mjs', import.meta.url));
  const start = () => {
    const consumer = run(process.execPath, [script, topic, output]);
    onTestFinished(() => void consumer.process.kill('SIGKILL'));
    return consumer;
  };
  for (const count of [20, 70]) {
    const consumer = start();
    await expect.poll(() => finishedFiles(output).length, patience).toBeGreaterThan(count);
    consumer.process.kill('SIGKILL');
    await consumer.ended;
    expect(await lag(ledger)).toBeGreaterThan(0);
  }
  const last = start();
  await expect.poll(() => lag(ledger), patience).toBe(0);
  last.process.kill('SIGTERM');
  expect(await last.ended).toMatchObject({ exitCode: 0, stderr: '' });
  // What those that were killed left behind.
  rmSync(join(output, '.tmp'), { recursive: true });
  await expectLedger(ledger);
});

test.each([
  ['one record', 8],
  ['chunks', 100],
])("after a rebalance, a loop gets nothing in %s that is another one's by now", async (_how, side) => {
  const topic = await kafka.createTopic(2, '20000');
  const bytes = await paint(side);
  await send(
    Array.from({ length: 40 }, (_, index) => ({ id: String(index), content: { bytes } })),
    { topic, properties },
  );
  const stopping = new AbortController();
  const seen = [new Map<string, number>(), new Map<string, number>()] as const;
  const gate = new EventEmitter();
  const read = async (member: 0 | 1): Promise<void> => {
    const impatient = { ...properties, 'session.timeout.ms': 1000, 'heartbeat.interval.ms': 100 };
    for await (const { id, partition } of receiving(topic, {
      properties: impatient,
      signal: stopping.signal,
    })) {
      const isFirst = seen[member].size === 0;
      seen[member].set(id, partition);
      if (member === 0 && isFirst) {
        // With the images after it fetched and decoded.
        await once(gate, 'open');
      }
    }
  };
  const slow = read(0);
  await expect.poll(() => seen[0].size, patience).toBe(1);
  const [inHand] = seen[0].keys();
  const other = read(1);
  await expect.poll(() => seen[1].size, patience).toBeGreaterThan(0);
  const [taken] = seen[1].values();
  gate.emit('open');
  await expect
    .poll(async () => (await committed(topic)).reduce((sum, one) => sum + Math.max(one, 0), 0), patience)
    .toBe(await kafka.ends(topic));
  stopping.abort();
  await Promise.all([slow, other]);

  expect(new Set([...seen[0].keys(), ...seen[1].keys()]).size).toBe(40);
  expect([...seen[1].values()].every((partition) => partition === taken)).toBe(true);
  const both = [...seen[0].keys()].filter((id) => seen[1].has(id));
  expect(both.filter((id) => id !== inHand)).toEqual([]);
});
