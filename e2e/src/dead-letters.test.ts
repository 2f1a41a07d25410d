import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { encodeImage, encodeNpy } from '@image-stream/codec';
import type { Image, OutgoingRecord } from '@image-stream/codec';
import { topicSettings } from '@image-stream/kafka-config';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import {
  committed,
  createTopic,
  createTopicNamed,
  ends,
  receive,
  removeTopic,
  send,
  sendCompressed,
  setTopicLimit,
  uniqueName,
  withAdmin,
} from './kafka.test-support.ts';
import type { Received } from './kafka.test-support.ts';
import { start, succeed } from './programs.test-support.ts';

function picture(background: string): Promise<Buffer> {
  return sharp({ create: { width: 64, height: 48, channels: 3, background } })
    .png()
    .toBuffer();
}

function noisyPicture(): Promise<Buffer> {
  const noise = { type: 'gaussian', mean: 128, sigma: 50 } as const;
  return sharp({ create: { width: 200, height: 200, channels: 3, background: 'red', noise } })
    .png()
    .toBuffer();
}

async function recordsOf(id: string, bytes: Buffer, maxRecordBytes = 1_000_000): Promise<OutgoingRecord[]> {
  const image: Image = {
    id,
    customerId: 'lab',
    createdAt: new Date(0),
    content: { mediaType: 'image/png', bytes },
  };
  const records = [];
  for await (const record of encodeImage(image, { maxRecordBytes })) {
    records.push(record);
  }
  return records;
}

function reasonOf({ headers }: Received): string {
  const [name, message] = ['class.name', 'message'].map(
    (part) => headers[`__connect.errors.exception.${part}`],
  );
  return `${String(name)}: ${String(message)}`;
}

test('bad records of every kind are put aside as they came, and the images among them are saved', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  const png = await picture('teal');
  const [good] = await recordsOf('good', png);
  const [conflict] = await recordsOf('good', await picture('red'));
  const [changed] = await recordsOf('changed', png);
  const bomb = deflateSync(
    Buffer.concat([
      encodeNpy({ shape: [1, 1], dtype: 'uint8', data: new Uint8Array(1) }),
      Buffer.alloc(10_000_000),
    ]),
  );
  const bad = [
    { key: 'text', value: 'not an image', headers: { 'my-header': 'kept' }, timestamp: '1700000000000' },
    { key: null, value: null },
    { ...changed!, value: Buffer.from(changed!.value).fill(0, 40, 44) },
    {
      ...changed!,
      key: 'bomb',
      value: bomb,
      headers: {
        ...changed!.headers,
        'content-encoding': 'deflate',
        ce_payloadsize: String(bomb.length),
        ce_payloadsha256: '',
      },
    },
    { key: 'cut', value: png.subarray(0, -10) },
    conflict!,
  ];
  await send(topic, good!, ...bad, { key: 'plain', value: png });

  // Of two images of one id, the one that is saved first stays: one at a time, that is the first.
  const saving = ['-t', topic, '-gid', topic, '-o', output, '--concurrency', '1', '--exit-at-end'];
  expect(await succeed('consumer', saving)).toMatchObject({ images: 2, deadLettered: 6, failed: 0 });
  expect(filesIn(output)).toHaveLength(2);
  expect(await committed(topic, topic)).toEqual([8]);

  const letters = await receive(`${topic}.dead-letter`, 6);
  const byOffset = letters.toSorted((one, other) => offsetOf(one) - offsetOf(other));
  expect(byOffset.map(({ key, value }) => ({ key, value }))).toEqual(
    bad.map(({ key, value }) => ({
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    })),
  );
  expect(byOffset.map(reasonOf)).toEqual([
    expect.stringMatching(/^CodecError.UNRECOGNIZED_FORMAT: record of 12 bytes/),
    expect.stringMatching(/^CodecError.UNRECOGNIZED_FORMAT: record has no value/),
    expect.stringMatching(/^CodecError.CORRUPT_PAYLOAD: payload has SHA-256/),
    expect.stringMatching(/^CodecError\.\w+: /),
    expect.stringMatching(/^ImageIoError.INVALID_IMAGE: PNG file is cut off/),
    expect.stringMatching(/^StorageError.CONFLICT: .*already holds another image/),
  ]);
  expect(byOffset[0]).toMatchObject({
    headers: {
      'my-header': Buffer.from('kept'),
      '__connect.errors.timestamp': Buffer.from('1700000000000'),
    },
  });
  // Retention counts from when they were put aside.
  for (const { timestamp } of letters) {
    expect(Math.abs(Date.now() - Number(timestamp))).toBeLessThan(3_600_000);
  }
});

function offsetOf({ headers }: Received): number {
  return Number(String(headers['__connect.errors.offset']));
}

describe('an upload', () => {
  test('that never completes is put aside with all its chunks, and comes whole when they are read with the rest', async () => {
    const topic = await createTopic();
    const output = temporaryFolder();
    const noise = await noisyPicture();
    const records = await recordsOf('scan', noise, 20_000);
    expect(records.length).toBeGreaterThan(4);
    const sent = records.slice(0, -1);
    await send(topic, ...sent);
    const args = ['-o', output, '--exit-at-end'];
    const summary = await succeed('consumer', [
      '-t',
      topic,
      '-gid',
      topic,
      ...args,
      '--chunk-timeout',
      '1ms',
    ]);
    expect(summary).toMatchObject({ images: 0, deadLettered: 1, failed: 0 });
    expect(await committed(topic, topic)).toEqual([sent.length]);
    expect(filesIn(output)).toEqual([]);

    const letters = await receive(`${topic}.dead-letter`, sent.length);
    expect(letters.map(({ value }) => value)).toEqual(sent.map(({ value }) => value));
    expect(String(letters[0]!.headers['ce_chunkindex'])).toBe('0');
    expect(reasonOf(letters[0]!)).toContain(
      `only ${sent.length} of the ${records.length} chunks of image scan came within --chunk-timeout`,
    );

    await send(`${topic}.dead-letter`, records.at(-1)!);
    const replay = await succeed('consumer', ['-t', `${topic}.dead-letter`, '-gid', topic, ...args]);
    expect(replay).toMatchObject({ images: 1, deadLettered: 0 });
    expect(readFileSync(join(output, filesIn(output)[0]!))).toEqual(noise);
  });

  test('whose bytes are not those that were announced is put aside whole', async () => {
    const topic = await createTopic();
    const records = await recordsOf('scan', await noisyPicture(), 20_000);
    const changed = records.map((record, index) =>
      index === 1 ? { ...record, value: Buffer.alloc(record.value.length) } : record,
    );
    await send(topic, ...changed);
    const args = ['-t', topic, '-gid', topic, '-o', temporaryFolder(), '--exit-at-end'];
    expect(await succeed('consumer', args)).toMatchObject({ images: 0, deadLettered: 1, failed: 0 });
    expect(await ends(`${topic}.dead-letter`)).toBe(records.length);
  });
});

test('batches that are made to harm are put aside, and what follows them is saved', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  const png = await picture('teal');
  // A thousand times larger once decompressed, first beyond what is read at all, then beyond what the topic takes.
  await sendCompressed(topic, { key: 'bomb', value: Buffer.alloc(300_000_000) });
  await sendCompressed(topic, { key: 'large', value: Buffer.alloc(30_000_000) });
  const headers = Object.fromEntries(Array.from({ length: 80_000 }, (_one, index) => [`h${index}`, 'x']));
  Object.defineProperty(headers, '__proto__', { value: 'evil', enumerable: true });
  await send(topic, { key: 'headers', value: 'x', headers }, { key: 'plain', value: png });

  const summary = await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
  expect(summary).toMatchObject({ images: 1, deadLettered: 3, failed: 0 });
  expect(await committed(topic, topic)).toEqual([4]);
  const letters = (await receive(`${topic}.dead-letter`, 3)).toSorted((a, b) => offsetOf(a) - offsetOf(b));
  expect(reasonOf(letters[0]!)).toContain('batch of records cannot be decompressed');
  expect(letters.map(({ value }) => value!.length)).toEqual([expect.any(Number), 30_000_000, 1]);
  expect(letters[0]!.value!.length).toBeLessThan(1_000_000);
  expect(Object.keys(letters[2]!.headers)).toHaveLength(80_001 + 7);
  expect(letters[2]!.headers['__proto__']).toEqual(Buffer.from('evil'));
});

test('dead letters are read again: what was mended is saved under its first name, what is bad again stays', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  const png = await picture('teal');
  const args = ['-gid', topic, '-o', output, '--exit-at-end'];
  await send(
    topic,
    { key: 'camera-1', value: png, timestamp: '1700000000000' },
    { key: 'text', value: 'no image' },
  );
  // Something else is where the image belongs.
  const path = join(output, 'customer=unknown', 'date=2023-11-14', 'camera-1-0-0.png');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, 'something else');
  expect(await succeed('consumer', ['-t', topic, ...args])).toMatchObject({ images: 0, deadLettered: 2 });

  rmSync(path);
  const replay = await succeed('consumer', ['-t', `${topic}.dead-letter`, ...args]);
  expect(replay).toMatchObject({ images: 1, deadLettered: 1, failed: 0 });
  expect(readFileSync(path)).toEqual(png);
  expect(await ends(`${topic}.dead-letter`)).toBe(2);
  const topics = await withAdmin((admin) => admin.listTopics());
  expect(topics).not.toContain(`${topic}.dead-letter.dead-letter`);
});

test('a dead-letter topic that is too small pauses the consumer until it is not, and nothing is committed', async () => {
  const topic = await createTopic();
  const deadLetters = await createTopic(1, '1000');
  const output = temporaryFolder();
  await send(topic, { key: 'text', value: 'x'.repeat(5000) }, { key: 'plain', value: await picture('teal') });
  const args = ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end', '--json'];
  const consumer = start('consumer', [...args, '--dead-letter-topic', deadLetters]);
  await expect
    .poll(consumer.log, { timeout: 30_000 })
    .toContain(`raise max.message.bytes of topic ${deadLetters}`);
  expect(consumer.log()).toContain('nothing is skipped or committed meanwhile');
  expect(await committed(topic, topic)).toEqual([-1]);
  await setTopicLimit(deadLetters, '20000');
  const { exitCode } = await consumer.ended;
  expect(exitCode).toBe(0);
  expect(consumer.log()).toContain('resumed after a pause');
  expect(await committed(topic, topic)).toEqual([2]);
  expect(await ends(deadLetters)).toBe(1);
});

test('a topic that holds no images at all stops the consumer with an explanation', async () => {
  const topic = await createTopic();
  await send(
    topic,
    ...Array.from({ length: 12 }, (_one, index) => ({ key: `${index}`, value: 'a log line' })),
  );
  const args = ['-t', topic, '-gid', uniqueName(), '-o', temporaryFolder(), '--exit-at-end'];
  const ended = await start('consumer', [...args, '--max-bad-records', '10']).ended;
  expect(ended.exitCode).toBe(1);
  expect(ended.stderr).toContain('the first 10 records are all bad');
  expect(await start('consumer', [...args, '--max-bad-records', '0']).ended).toMatchObject({ exitCode: 0 });
});

describe('a record that comes again', () => {
  test('after --from-beginning is not put aside twice, and one that takes its place is', async () => {
    const topic = await createTopic();
    const letters = `${topic}.dead-letter`;
    const args = ['-t', topic, '-gid', topic, '-o', temporaryFolder(), '--exit-at-end'];
    const old = String(Date.now() - 30 * 86_400_000);
    const scan = (await recordsOf('scan', await noisyPicture(), 20_000)).slice(0, 2);
    const bad = [
      { key: 'future', value: 'no image', timestamp: String(Date.now() + 600_000) },
      { key: 'now', value: 'no image', headers: { empty: '', my: ['one', 'two'] } },
      { key: 'old', value: 'no image', timestamp: old },
      { key: null, value: null },
      ...scan,
    ];
    await send(topic, ...bad);
    const chunkArgs = ['--chunk-timeout', '1ms'];
    expect(await succeed('consumer', [...args, ...chunkArgs])).toMatchObject({ deadLettered: 5 });
    expect(await ends(letters)).toBe(6);

    const again = [...args, ...chunkArgs, '--from-beginning'];
    const { stderr, exitCode } = await start('consumer', again).ended;
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`record ${topic}[0]@1 is bad, its dead letter is there already`);
    expect(await ends(letters)).toBe(6);

    await removeTopic(topic);
    await createTopicNamed(topic);
    await send(topic, { ...bad[0]!, value: 'another' }, bad[1]!);
    expect(await succeed('consumer', again)).toMatchObject({ deadLettered: 2 });
    // The second one has another timestamp: it was sent again.
    expect(await ends(letters)).toBe(8);
  });

  test('is recognised also where an older release put it aside, with its own timestamp', async () => {
    const topic = await createTopic();
    const letters = `${topic}.dead-letter`;
    const timestamp = '1700000000000';
    const bad = { key: 'text', value: 'no image', timestamp };
    await send(topic, bad, { ...bad, key: 'other' });
    await createTopicNamed(letters, { 'retention.ms': '-1' });
    const place = {
      '__connect.errors.topic': topic,
      '__connect.errors.partition': '0',
      '__connect.errors.offset': '0',
    };
    await send(letters, { ...bad, headers: place });
    const args = ['-t', topic, '-gid', topic, '-o', temporaryFolder(), '--exit-at-end'];
    expect(await succeed('consumer', args)).toMatchObject({ deadLettered: 2 });
    expect(await ends(letters)).toBe(2);
  });
});

describe('the dead-letter topic', () => {
  test.each([
    [{ 'retention.ms': '3600000' }, '604800000'],
    [{ 'retention.ms': '2592000000', 'retention.bytes': '1000000' }, '2592000000'],
    [{ 'retention.ms': '-1' }, '-1'],
    [{ 'cleanup.policy': 'compact', 'retention.ms': '3600000' }, '-1'],
    [{ 'message.timestamp.type': 'LogAppendTime' }, '604800000'],
  ])('of a source with %j keeps records for %s ms', async (settings, retentionMs) => {
    const topic = uniqueName();
    await createTopicNamed(topic, settings);
    await send(topic, { key: 'text', value: 'no image' });
    const args = ['-t', topic, '-gid', topic, '-o', temporaryFolder(), '--exit-at-end'];
    expect(await succeed('consumer', args)).toMatchObject({ deadLettered: 1 });
    const names = ['cleanup.policy', 'retention.ms', 'retention.bytes', 'message.timestamp.type'];
    const made = await withAdmin((admin) => topicSettings(admin, `${topic}.dead-letter`, names));
    expect(Object.fromEntries(made!)).toEqual({
      'cleanup.policy': 'delete',
      'retention.ms': retentionMs,
      'retention.bytes': '-1',
      'message.timestamp.type': 'LogAppendTime',
    });
  });

  test('takes a record from the future, also where it was made by hand, and a replay gives it that date', async () => {
    const topic = uniqueName();
    await createTopicNamed(topic, { 'message.timestamp.after.max.ms': '9223372036854775807' });
    await createTopicNamed(`${topic}.dead-letter`, { 'max.message.bytes': '20000000' });
    const output = temporaryFolder();
    const png = await picture('teal');
    const timestamp = String(Date.UTC(2100, 0, 1, 12));
    const path = join(output, 'customer=unknown', 'date=2100-01-01', 'camera-0-0.png');
    await send(topic, { key: 'camera', value: png, timestamp });
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'something else');
    const args = ['-gid', topic, '-o', output, '--exit-at-end'];
    expect(await succeed('consumer', ['-t', topic, ...args])).toMatchObject({ deadLettered: 1 });
    const again = ['-t', topic, ...args, '--from-beginning'];
    expect(await succeed('consumer', again)).toMatchObject({ deadLettered: 1 });
    expect(await ends(`${topic}.dead-letter`)).toBe(1);
    rmSync(path);
    const replay = await succeed('consumer', ['-t', `${topic}.dead-letter`, ...args]);
    expect(replay).toMatchObject({ images: 1 });
    expect(readFileSync(path)).toEqual(png);
    expect(await succeed('consumer', ['verify', '-t', topic, '-o', output])).toMatchObject({ onDisk: 1 });
  });

  test('that keeps less than its source, or takes less, is told in a line each at the start, and by doctor', async () => {
    const topic = uniqueName();
    const letters = `${topic}.dead-letter`;
    await createTopicNamed(topic, { 'retention.ms': '-1' });
    await createTopicNamed(letters, {
      'retention.ms': '3600000',
      'retention.bytes': '1000000',
      'max.message.bytes': '1000',
    });
    const args = ['-t', topic, '-gid', topic, '-o', temporaryFolder()];
    const { stderr, exitCode } = await start('consumer', [...args, '--exit-at-end']).ended;
    expect(exitCode).toBe(0);
    const lines = stderr.split('\n').filter((line) => line.includes('dead letters: '));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain(`${letters} keeps records for 1 h, and ${topic} for ever`);
    expect(lines[0]).toContain(`kafka-configs.sh --alter --topic ${letters} --add-config retention.ms=-1`);
    expect(lines[1]).toContain('keeps 1000000 bytes of each partition');
    expect(lines[2]).toContain(`${letters} takes 1000 bytes`);
    const doctor = await start('consumer', ['doctor', ...args, '--json']).ended;
    const { findings } = JSON.parse(doctor.stdout.trim().split('\n').at(-1)!) as {
      findings: { check: string; status: string }[];
    };
    const own = findings.filter(({ check }) => check === 'dead letters');
    expect(own.map(({ status }) => status)).toEqual(['warning', 'warning', 'warning']);
  });

  test('that keeps as long as its source is not mentioned', async () => {
    const topic = await createTopic();
    await createTopicNamed(`${topic}.dead-letter`, { 'max.message.bytes': '20000000' });
    const args = ['-t', topic, '-gid', topic, '-o', temporaryFolder(), '--exit-at-end'];
    expect((await start('consumer', args).ended).stderr).not.toContain('dead letters: ');
  });

  const fatal = async (topic: string, ...more: string[]): Promise<string> => {
    const args = ['-t', topic, '-gid', topic, '-o', temporaryFolder(), ...more];
    const { exitCode, stderr } = await start('consumer', [...args, '--exit-at-end']).ended;
    expect(exitCode).toBe(1);
    const doctor = await start('consumer', ['doctor', ...args]).ended;
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toContain('✗ dead letters');
    const lines = stderr.trimEnd().split('\n');
    expect(lines.filter((line) => line.includes('dead letters: '))).toHaveLength(1);
    return lines.at(-1)!;
  };

  test('whose name is too long or collides with another is refused at the start', async () => {
    const long = `${uniqueName()}-`.padEnd(245, 'x');
    await createTopicNamed(long);
    const line = await fatal(long);
    expect(line).toContain(`topic '${long}.dead-letter' must have 1 to 249 characters`);
    expect(line).toContain('choose another --dead-letter-topic');

    const topic = await createTopic();
    await createTopicNamed(`${topic}_dead-letter`);
    expect(await fatal(topic)).toContain(`topic ${topic}_dead-letter exists`);
    await createTopicNamed(`${topic}.a_b`);
    expect(await fatal(topic, '--dead-letter-topic', `${topic}_a.b`)).toContain(`topic ${topic}.a_b exists`);
  });

  test.each(['compact', 'compact,delete'])(
    'with cleanup.policy=%s is refused at the start',
    async (policy) => {
      const topic = await createTopic();
      await createTopicNamed(`${topic}.dead-letter`, { 'cleanup.policy': policy });
      expect(await fatal(topic)).toContain(
        `kafka-configs.sh --alter --topic ${topic}.dead-letter --add-config cleanup.policy=delete`,
      );
    },
  );

  test('does not matter where nothing is put aside', async () => {
    const topic = await createTopic();
    await createTopicNamed(`${topic}.dead-letter`, { 'cleanup.policy': 'compact' });
    const args = ['-t', topic, '-o', temporaryFolder(), '--exit-at-end'];
    for (const more of [
      ['-gid', topic, '--on-error', 'stop'],
      ['--partition', '0'],
    ]) {
      expect(await start('consumer', [...args, ...more]).ended).toMatchObject({ exitCode: 0 });
    }
    const itself = ['-t', `${topic}.dead-letter`, '-gid', topic, '-o', temporaryFolder(), '--exit-at-end'];
    expect(await start('consumer', itself).ended).toMatchObject({ exitCode: 0 });
  });
});

test('a tombstone is counted, by verify too, and is neither a dead letter nor a bad record', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  const [chunk] = await recordsOf('scan', await noisyPicture(), 20_000);
  const tombstones = ['one', 'two', ''].map((key) => ({ key, value: null }));
  await send(topic, ...tombstones, { key: 'plain', value: await picture('teal') });
  const args = ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end', '--max-bad-records', '2'];
  expect(await succeed('consumer', args)).toMatchObject({
    images: 1,
    tombstones: 3,
    deadLettered: 0,
    failed: 0,
  });
  expect(await withAdmin((admin) => admin.listTopics())).not.toContain(`${topic}.dead-letter`);
  const verify = ['verify', '-t', topic, '-o', output];
  expect(await succeed('consumer', verify)).toMatchObject({ onDisk: 1, tombstones: 3, differences: 0 });

  // None that deletes: a record without a key, and an event or a chunk without its bytes.
  const headers = chunk!.headers;
  const event = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.includes('chunk')));
  await send(
    topic,
    { key: null, value: null },
    { key: 'scan', value: null, headers },
    { key: 'scan', value: null, headers: event },
  );
  expect(await succeed('consumer', args.slice(0, -2))).toMatchObject({ tombstones: 0, deadLettered: 3 });
  expect(await succeed('consumer', verify)).toMatchObject({ tombstones: 3, deadLettered: 3, differences: 0 });
});
