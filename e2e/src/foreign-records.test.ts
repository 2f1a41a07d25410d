import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { encodeImage, encodeNpy, pixelArray } from '@image-stream/codec';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic, createTopicNamed, receive, send, uniqueName } from './kafka.test-support.ts';
import { start, succeed } from './programs.test-support.ts';

const png = await sharp({ create: { width: 30, height: 20, channels: 3, background: 'olive' } })
  .png()
  .toBuffer();
const jpeg = await sharp(png).jpeg().toBuffer();
const event = {
  ce_specversion: '1.0',
  ce_type: 'camera.snapshot',
  ce_id: 'door',
  ce_source: '/camera/7',
  ce_time: '2026-01-02T03:04:05Z',
  ce_customerid: 'garden',
};
const consumerArgs = (topic: string, output: string): string[] => [
  ...['-t', topic, '-gid', topic, '-o', output, '--exit-at-end'],
];

/** A topic that takes any timestamp, as all did before Kafka 3.6. */
async function createTopicOfAnyTime(): Promise<string> {
  const topic = uniqueName();
  const any = { 'message.timestamp.after.max.ms': '9223372036854775807', 'max.message.bytes': '13772512' };
  await createTopicNamed(topic, any);
  return topic;
}

const foreign: Record<string, [bytes: Buffer, looksLike: string]> = {
  'schema-id': [
    Buffer.concat([Buffer.of(0, 0, 0, 0, 42), jpeg]),
    'the Confluent schema id 42 in front of a JPEG',
  ],
  connect: [
    Buffer.from(JSON.stringify({ schema: { type: 'bytes' }, payload: png.toString('base64') })),
    "Kafka Connect's JSON",
  ],
  base64: [Buffer.from(jpeg.toString('base64')), 'base64 of a JPEG file'],
  text: [
    Buffer.from(jpeg.toString()),
    'a JPEG file that was turned into text: bytes that are no UTF-8 became EF BF BD',
  ],
  heic: [Buffer.from('\0\0\0\u0018ftypheic\0\0\0\0mif1heic'), 'a HEIC image'],
  'text.gif': [
    Buffer.from((await sharp(png).gif().toBuffer()).toString()),
    'a GIF file that was turned into text: bytes that are no UTF-8 became EF BF BD',
  ],
};

test('what other programs send wrongly is named with the same words by all who see it', async () => {
  const topic = await createTopic();
  const [output, inputs] = [temporaryFolder(), temporaryFolder()];
  for (const [key, [value]] of Object.entries(foreign)) {
    await send(topic, { key, value });
    writeFileSync(join(inputs, key), value);
  }
  await send(topic, { key: 'good', value: png });
  const consumer = await start('consumer', consumerArgs(topic, output)).ended;
  const letters = new Map(
    (await receive(`${topic}.dead-letter`, Object.keys(foreign).length)).map(({ headers }) => [
      Number(headers['__connect.errors.offset']),
      String(headers['__connect.errors.exception.message']),
    ]),
  );
  const { stdout: peeked } = await start('consumer', ['peek', '-t', topic]).ended;
  const { stdout: verified } = await start('consumer', ['verify', '-t', topic, '-o', output, '--json']).ended;
  const { listed } = JSON.parse(verified) as { listed: { deadLettered: { reason: string }[] } };
  const producer = await start('producer', ['-t', topic, inputs]).ended;

  for (const [index, [key, [, looksLike]]] of Object.entries(foreign).entries()) {
    const reason = letters.get(index)!;
    expect(reason).toContain(`it looks like ${looksLike}`);
    expect(consumer.stderr).toContain(
      `[0]@${index} is bad, it goes to topic ${topic}.dead-letter: ${reason}`,
    );
    expect(peeked).toContain(`no image: ${reason}`);
    expect(listed.deadLettered.map((finding) => finding.reason)).toContain(reason);
    expect(producer.stderr).toMatch(new RegExp(`${key} was not sent: not a .*; it looks like ${looksLike}`));
  }
  expect(filesIn(output)).toHaveLength(1);
});

test('what is unambiguous is read: quotes, cases, gzip, any timestamp', async () => {
  const topic = await createTopicOfAnyTime();
  const output = temporaryFolder();
  const quoted = Object.entries(event).map(
    ([name, text]) => [name.toUpperCase(), JSON.stringify(text)] as const,
  );
  await send(
    topic,
    { key: 'a', value: png, headers: Object.fromEntries(quoted) },
    { key: 'b', value: gzipSync(png), headers: { 'Content-Encoding': 'gzip', Customer_Id: '"garden"' } },
    { key: 'c', value: jpeg, timestamp: '1718000000250000', headers: { customer_id: 'garden' } },
  );
  const { stderr } = await start('consumer', consumerArgs(topic, output)).ended;
  expect(filesIn(output).map((path) => path.replace(/\d{4}-\d\d-\d\d\/b/, 'today/b'))).toEqual([
    'customer=garden/date=1970-01-01/c-0-2.jpg',
    'customer=garden/date=2026-01-02/door.png',
    'customer=garden/date=today/b-0-1.png',
  ]);
  expect(stderr).toContain(
    `image c-0-2 in ${topic}[0]@2: the timestamp 1718000000250000 of its record is not in the years 1 to 9999, ` +
      "but 2024-06-10T06:13:20Z in microseconds; Kafka's are milliseconds; the image is dated 1970-01-01T00:00:00.000Z\n",
  );
  const { stdout } = await start('consumer', ['verify', '-t', topic, '-o', output, '--json']).ended;
  expect(JSON.parse(stdout)).toMatchObject({ onDisk: 3, differences: 0 });
});

test('NPY of more channels than a PNG has, and compressed files, are saved and agree, in chunks or not', async () => {
  const topic = await createTopic(1, '1000000');
  const [output, inputs] = [temporaryFolder(), temporaryFolder()];
  const noise = Buffer.from(Array.from({ length: 300 * 300 }, (_, index) => (index * 7919) >> 3));
  writeFileSync(join(inputs, 'five.npy'), encodeNpy(pixelArray([10, 20, 5], 'uint8', Buffer.alloc(1000, 7))));
  mkdirSync(join(inputs, 'large'));
  const large = pixelArray([300, 300, 12], 'uint8', Buffer.concat(Array.from({ length: 12 }, () => noise)));
  writeFileSync(join(inputs, 'large', 'twelve.npy'), encodeNpy(large));
  await succeed('producer', ['-t', topic, '--recursive', inputs]);

  // Another program that sends a compressed file in chunks.
  const value = gzipSync(png, { level: 0 });
  const image = { id: 'gzip', customerId: 'c', createdAt: new Date('2026-01-02T03:04:05Z') };
  const content = { mediaType: 'image/png', bytes: value };
  for await (const record of encodeImage({ ...image, content }, { maxRecordBytes: 1200 })) {
    await send(topic, { ...record, headers: { ...record.headers, 'content-encoding': 'gzip' } });
  }
  const summary = await succeed('consumer', consumerArgs(topic, output));
  expect(summary).toMatchObject({ images: 3, deadLettered: 0, failed: 0 });
  expect(filesIn(output).map((path) => path.split('.').at(-1))).toEqual(['png', 'npy', 'npy']);
  const { stdout } = await start('consumer', ['verify', '-t', topic, '-o', output, '--json']).ended;
  expect(JSON.parse(stdout)).toMatchObject({ onDisk: 3, differences: 0 });
});

test('an id of megabytes makes no line or header of megabytes', async () => {
  const topic = await createTopicOfAnyTime();
  const id = 'x'.repeat(3_000_000);
  const message = { array_id: `${id}\ud800`, customer_id: 'c', data: '', creation_time: 1 };
  const structured = { specversion: '1.0', id, type: 't', source: '/s', data_base64: png.toString('base64') };
  await send(
    topic,
    { key: 'a', value: JSON.stringify(message) },
    { key: 'b', value: JSON.stringify({ ...structured, time: id }) },
    { key: 'c', value: JSON.stringify(structured), timestamp: '1718000000250000' },
  );
  const consumer = await start('consumer', consumerArgs(topic, temporaryFolder())).ended;
  const { stdout } = await start('consumer', ['peek', '-t', topic]).ended;
  for (const line of [...consumer.stderr.split('\n'), ...stdout.split('\n')]) {
    expect(line.length).toBeLessThan(1500);
  }
  for (const { headers } of await receive(`${topic}.dead-letter`, 2)) {
    for (const text of Object.values(headers)) {
      expect(String(text).length).toBeLessThan(1500);
    }
  }
});

test('a bad record with a key of megabytes becomes a dead letter at once', async () => {
  const topic = await createTopic();
  // kafkajs would need minutes to choose its partition.
  await send(topic, { key: Buffer.alloc(4_000_000, 'k'), value: 'bad', partition: 0 });
  const summary = await succeed('consumer', consumerArgs(topic, temporaryFolder()));
  expect(summary).toMatchObject({ deadLettered: 1, failed: 0 });
  const [letter] = await receive(`${topic}.dead-letter`, 1);
  expect(letter!.key).toHaveLength(4_000_000);
});

test('a limit that refuses names the option of the program that says it', async () => {
  const topic = await createTopic();
  const file = join(temporaryFolder(), 'photo.png');
  writeFileSync(file, png);
  await send(topic, { key: 'a', value: png });
  const limit = ['--max-image-pixels', '599'];
  const problem = '30 x 20 = 600 pixels exceed the limit of 599; --max-image-pixels';
  const output = temporaryFolder();
  const consumer = await start('consumer', [...consumerArgs(topic, output), ...limit]).ended;
  expect(consumer.stderr).toContain(`${problem} raises it`);
  const small = [
    '--group-id',
    `${topic}-small`,
    '--max-image-bytes',
    '10',
    '--dead-letter-topic',
    `${topic}.small`,
  ];
  const { stderr } = await start('consumer', [...consumerArgs(topic, output), ...small]).ended;
  expect(stderr).toContain(
    `payload of ${png.length} bytes exceeds the limit of 10 bytes; --max-image-bytes raises it`,
  );
  const { stdout } = await start('consumer', ['peek', '-t', topic, ...limit]).ended;
  expect(stdout).toContain(`no image: ${problem} raises it`);
  const producer = await start('producer', ['-t', topic, file, ...limit]).ended;
  expect(producer.stderr).toContain(`${problem}, of the consumer too, raises it`);
  const large = await start('producer', ['-t', topic, file, '--max-image-bytes', '10']).ended;
  expect(large.stderr).toContain('the limit of 10 bytes; --max-image-bytes, of the consumer too, raises it');
  const generated = await start('producer', ['-t', topic, '-n', '1', '--width', '20000', '--height', '20000'])
    .ended;
  expect(generated).toMatchObject({ exitCode: 2 });
  expect(generated.stderr).toContain('20000 x 20000 = 400000000 pixels exceed the limit of 268402689');
});
