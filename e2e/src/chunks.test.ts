import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { encodeImage } from '@image-stream/codec';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { filesIn, pixelsOf, temporaryFolder } from './files.test-support.ts';
import { committed, createTopic, ends, send } from './kafka.test-support.ts';
import { start, succeed } from './programs.test-support.ts';

/** Kafka's default limit of a record. */
const defaultLimit = '1048588';

const noise = ['--width', '1000', '--height', '1500'];

describe('images larger than the topic allows', () => {
  test('travel in chunks without any setting, and arrive whole', async () => {
    const topic = await createTopic(2, defaultLimit);
    const output = join(temporaryFolder(), 'output');
    await succeed('producer', ['-n', '4', '-t', topic, ...noise, '--seed', 's', '-cid', 'c']);
    await succeed('producer', [
      '-n',
      '1',
      '-t',
      topic,
      ...noise,
      '--encoding',
      'npy',
      '--seed',
      's',
      '-cid',
      'n',
    ]);
    expect(await ends(topic)).toBeGreaterThan(4 * 5);

    const summary = await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
    expect(summary).toMatchObject({ images: 5, failed: 0 });
    const files = filesIn(output);
    expect(files).toHaveLength(5);
    for (const file of files) {
      expect((await pixelsOf(join(output, file))).shape).toEqual([1500, 1000, 3]);
    }
    const offsets = await committed(topic, topic);
    expect(offsets.reduce((sum, one) => sum + Math.max(one, 0), 0)).toBe(await ends(topic));
  });

  test('come again from their first chunk when the consumer is killed between two of them', async () => {
    const topic = await createTopic();
    const output = join(temporaryFolder(), 'output');
    const file = await sharp(randomBytes(300 * 300 * 3), { raw: { width: 300, height: 300, channels: 3 } })
      .png()
      .toBuffer();
    const records = [];
    const image = {
      id: 'scan',
      customerId: 'lab',
      createdAt: new Date(),
      content: { mediaType: 'image/png', bytes: file },
    };
    for await (const record of encodeImage(image, { maxRecordBytes: 60_000 })) {
      records.push(record);
    }
    const half = Math.floor(records.length / 2);
    await send(topic, ...records.slice(0, half));

    const short = ['-X', 'session.timeout.ms=6000', '-X', 'heartbeat.interval.ms=1000'];
    const first = start('consumer', ['-t', topic, '-gid', topic, '-o', output, ...short]);
    // The payload so far, and what else its records hold.
    await expect.poll(() => filesIn(join(output, '..')).length, { timeout: 20_000 }).toBe(2);
    first.process.kill('SIGKILL');
    await first.ended;
    expect(await committed(topic, topic)).toEqual([-1]);

    // The producer was killed as well, and sends it again.
    await send(topic, ...records);
    const summary = await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
    expect(summary).toMatchObject({ images: 1, failed: 0 });
    expect(filesIn(output)).toEqual([expect.stringMatching(/^customer=lab\/date=[\d-]+\/scan\.png$/)]);
    expect(await committed(topic, topic)).toEqual([half + records.length]);
  });

  test('that never complete stop the consumer where they may not be put aside, and are not committed', async () => {
    const topic = await createTopic();
    const output = join(temporaryFolder(), 'output');
    const content = { mediaType: 'image/png', bytes: randomBytes(20_000) };
    const image = { id: 'half', customerId: 'lab', createdAt: new Date(), content };
    const records = [];
    for await (const record of encodeImage(image, { maxRecordBytes: 8000 })) {
      records.push(record);
    }
    await send(topic, ...records.slice(0, 2));
    const args = ['-t', topic, '-gid', topic, '-o', output];
    const cut = await start('consumer', [...args, '--exit-at-end']).ended;
    expect(cut).toMatchObject({ exitCode: 0 });
    expect(cut.stderr).toContain(`image half is not complete yet, 2 of ${records.length} chunks came`);

    const ended = await start('consumer', [...args, '--chunk-timeout', '2s', '--on-error', 'stop']).ended;
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain(
      `only 2 of the ${records.length} chunks of image half came within --chunk-timeout`,
    );
    expect(filesIn(output)).toEqual([]);
    expect(await committed(topic, topic)).toEqual([-1]);
  });

  test('do not travel as python-json: one error names the setting', async () => {
    const topic = await createTopic(2, defaultLimit);
    const ended = await start('producer', ['-n', '1', '-t', topic, '--format', 'python-json']).ended;
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain(`raise max.message.bytes of topic ${topic}`);
  });
});
