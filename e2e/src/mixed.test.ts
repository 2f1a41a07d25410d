import { join } from 'node:path';
import { encodeImage, encodeNpy } from '@image-stream/codec';
import type { Image } from '@image-stream/codec';
import { CloudEvent, Kafka } from 'cloudevents';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { filesIn, pixelsOf, temporaryFolder } from './files.test-support.ts';
import { createTopic, send } from './kafka.test-support.ts';
import { succeed } from './programs.test-support.ts';

const time = '2026-03-04T05:06:07Z';
const createdAt = new Date(time);

/** The package leaves names without a value, which a Kafka header cannot be. */
function defined(headers: object): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}

test('one topic with the images of all kinds of programs', async () => {
  const topic = await createTopic();
  const output = join(temporaryFolder(), 'output');
  const red = await sharp({ create: { width: 9, height: 7, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const noise = await sharp(
    Buffer.alloc(90 * 70 * 3).map((_byte, index) => (index * 7919) >> 3),
    {
      raw: { width: 90, height: 70, channels: 3 },
    },
  )
    .png({ compressionLevel: 0 })
    .toBuffer();
  const pixels = { shape: [7, 9, 3], dtype: 'uint8', data: new Uint8Array(7 * 9 * 3).fill(200) } as const;

  const ours: Image = {
    id: 'large',
    customerId: 'ours',
    createdAt,
    content: { mediaType: 'image/png', bytes: noise },
  };
  const chunks = [];
  for await (const record of encodeImage(ours, { maxRecordBytes: 8000 })) {
    chunks.push(record);
  }
  expect(chunks.length).toBeGreaterThan(2);
  const python = [];
  for await (const record of encodeImage(
    { ...ours, id: 'python', content: pixels },
    { format: 'python-json' },
  )) {
    python.push(record);
  }
  const event = new CloudEvent({
    ...{ id: 'event', source: '/camera', type: 'com.example.snapshot', time, datacontenttype: 'image/png' },
    data: red,
  });
  const binary = Kafka.binary(event);
  const structured = Kafka.structured(new CloudEvent({ ...event.toJSON(), id: 'structured' }));
  await send(
    topic,
    chunks[0]!,
    {
      key: null,
      value: Buffer.from(binary.value as Uint8Array),
      headers: defined(binary.headers),
    },
    ...python,
    chunks[1]!,
    {
      key: null,
      value: Buffer.from(structured.value),
      headers: defined(structured.headers),
    },
    { key: 'plain', value: red, headers: { customer_id: 'kcat' } },
    ...chunks.slice(2),
    { key: 'numpy', value: encodeNpy(pixels) },
  );
  expect(
    await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']),
  ).toMatchObject({
    images: 6,
    failed: 0,
  });
  const files = filesIn(output);
  expect(files.map((file) => file.replace(/date=[\d-]+/, 'date=DAY').replace(/-0-\d+\./, '-PLACE.'))).toEqual(
    [
      'customer=%2Fcamera/date=DAY/event.png',
      'customer=%2Fcamera/date=DAY/structured.png',
      'customer=kcat/date=DAY/plain-PLACE.png',
      'customer=ours/date=DAY/large.png',
      'customer=ours/date=DAY/python.png',
      'customer=unknown/date=DAY/numpy-PLACE.png',
    ],
  );
  const shapes = await Promise.all(files.map(async (file) => (await pixelsOf(join(output, file))).shape));
  expect(shapes).toEqual([
    [7, 9, 3],
    [7, 9, 3],
    [7, 9, 3],
    [70, 90, 3],
    [7, 9, 3],
    [7, 9, 3],
  ]);
});
