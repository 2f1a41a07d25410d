import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodeImage } from '@image-stream/codec';
import type { OutgoingRecord } from '@image-stream/codec';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import {
  committed,
  createTopic,
  createTopicNamed,
  ends,
  removeBefore,
  send,
  uniqueName,
  withAdmin,
} from './kafka.test-support.ts';
import { start, succeed } from './programs.test-support.ts';

const kinds = [
  ...(['missing', 'damaged', 'conflicting', 'incomplete', 'unreadable', 'unexpected'] as const),
  'deadLettered',
] as const;

interface Finding {
  readonly path?: string;
  readonly record?: string;
  readonly reason?: string;
}

/** What `--json` prints. */
interface Verification extends Record<(typeof kinds)[number], number> {
  readonly records: number;
  readonly onDisk: number;
  readonly differences: number;
  readonly removedRecords: number;
  readonly listed: Record<(typeof kinds)[number], Finding[]>;
}

type Listed = Partial<Verification['listed']>;

/** Runs `consumer verify`. @returns what it lists of each kind that it counts */
async function verify(
  topic: string,
  output: string,
  ...args: string[]
): Promise<Listed & Pick<Verification, 'onDisk' | 'differences'>> {
  const { exitCode, stdout } = await start('consumer', [
    ...['verify', '-t', topic, '-o', output, '--json', '--quiet', ...args],
  ]).ended;
  const { onDisk, differences, listed, ...result } = JSON.parse(stdout) as Verification;
  const found = kinds.filter((kind) => result[kind] > 0);
  expect(found.map((kind) => listed[kind].length)).toEqual(found.map((kind) => result[kind]));
  expect(exitCode).toBe(differences > 0 ? 1 : 0);
  return { onDisk, differences, ...Object.fromEntries(found.map((kind) => [kind, listed[kind]])) };
}

const save = (topic: string, output: string, ...args: string[]) =>
  succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end', ...args]);

/** A picture that no other one looks like. */
const picture = (side = 8): Promise<Buffer> =>
  sharp(randomBytes(side * side * 3), { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();

/** The records of a picture, and what its file must hold. */
async function sent(id: string, side = 8, maxRecordBytes = 1_000_000, mediaType = 'image/png') {
  const png = await picture(side);
  const bytes = mediaType === 'image/png' ? png : await sharp(png).jpeg().toBuffer();
  const content = { mediaType, bytes };
  const records: OutgoingRecord[] = [];
  const image = { id, customerId: 'lab', createdAt: new Date('2026-03-04T15:06:07Z'), content };
  for await (const record of encodeImage(image, { maxRecordBytes })) {
    records.push(record);
  }
  return { path: `customer=lab/date=2026-03-04/${id}.png`, bytes, records };
}

/** Puts a file where a consumer would. */
function put(output: string, { path, bytes }: { path: string; bytes: Uint8Array | string }): void {
  mkdirSync(dirname(join(output, path)), { recursive: true });
  writeFileSync(join(output, path), bytes);
}

function flipByte(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(file, bytes);
}

/** A record as it is in the dead-letter topic. */
const deadLetter = (topic: string, offset: number) => ({
  value: 'whatever it was',
  headers: {
    '__connect.errors.topic': topic,
    '__connect.errors.partition': '0',
    '__connect.errors.offset': String(offset),
  },
});

const at = (topic: string, offset: number, partition = 0): string => `${topic}[${partition}]@${offset}`;

describe('after a normal run', () => {
  test('topic and disk agree whatever travelled, and then each difference is found', async () => {
    const topic = await createTopic(3, '100000');
    const output = join(temporaryFolder(), 'output');
    const inputs = temporaryFolder();
    writeFileSync(join(inputs, 'a.png'), await picture());
    writeFileSync(
      join(inputs, 'b.jpg'),
      await sharp(await picture(50))
        .jpeg()
        .toBuffer(),
    );
    // Travels in chunks.
    writeFileSync(join(inputs, 'large.png'), await picture(400));
    const generate = ['-t', topic, '--width', '12', '--height', '12'];
    await succeed('producer', [...generate, '-n', '3', '-cid', 'png']);
    await succeed('producer', [...generate, '-n', '1', '-cid', 'python', '--format', 'python-json']);
    await succeed('producer', [...generate, '-n', '1', '-cid', 'npy', '--encoding', 'npy']);
    const large = ['-t', topic, '--width', '300', '--height', '300', '--encoding', 'npy'];
    await succeed('producer', [...large, '-n', '1', '-cid', 'large-npy']);
    // What is sent twice is one image.
    await succeed('producer', ['-t', topic, inputs]);
    await succeed('producer', ['-t', topic, inputs]);
    await save(topic, output);
    // Unfinished files are nobody's business.
    writeFileSync(join(output, '.tmp', 'unfinished'), '');

    expect(await verify(topic, output)).toEqual({ onDisk: 9, differences: 0 });
    // A partition without records has no offset.
    const done = (await committed(topic, topic)).filter((offset) => offset >= 0);
    expect(done.reduce((total, offset) => total + offset, 0)).toBe(await ends(topic));
    const agreement = await start('consumer', ['verify', '-t', topic, '-o', output]).ended;
    expect(agreement).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/ agree\n {2}records read +\d+\n {2}images on disk +9\n$/),
    });

    const files = filesIn(output);
    const named = (name: string): string => files.find((file) => file.includes(name))!;
    rmSync(join(output, named('/a-')));
    flipByte(join(output, named('/b-')));
    flipByte(join(output, named('/large-')));
    // The same pixels in other bytes are the same image; other pixels are not.
    const pixels = sharp(readFileSync(join(output, named('=python'))));
    writeFileSync(join(output, named('=python')), await pixels.png({ compressionLevel: 1 }).toBuffer());
    writeFileSync(join(output, named('=npy')), await picture(12));
    const strange = 'customer=lab/date=2026-03-04/nobody\u2028knows\u001B[2J.png';
    put(output, { path: strange, bytes: '' });

    const { missing, damaged, ...rest } = await verify(topic, output);
    const record = expect.stringMatching(/\[[012]\]@\d+$/);
    expect(missing).toEqual([{ path: named('/a-'), record }]);
    expect(new Set(damaged)).toEqual(
      new Set(['/b-', '/large-', '=npy'].map((name) => ({ path: named(name), record }))),
    );
    expect(rest).toEqual({ onDisk: 5, differences: 5, unexpected: [{ path: strange }] });

    const ended = await start('consumer', ['verify', '-t', topic, '-o', output]).ended;
    expect(ended.exitCode).toBe(1);
    expect(ended.stdout).toMatch(/^.* DIFFER in 5\n/);
    expect(ended.stdout).toMatch(/^ {2}damaged +3$/m);
    expect(ended.stdout).toContain('customer=lab/date=2026-03-04/nobody\u2028knows?[2J.png\n');
  });

  test.each(['jpeg', 'webp', 'npy', 'tiff'])(
    'in %s: files are expected as they were asked for',
    async (encoding) => {
      const topic = await createTopic();
      const output = join(temporaryFolder(), 'output');
      const [one, two] = [await sent('one', 40), await sent('two', 40, 1_000_000, 'image/jpeg')];
      await send(topic, ...one.records, ...two.records);
      const how = ['--save-as', encoding, '--resize', '30x30', '--time-zone', 'Pacific/Kiritimati'];
      await save(topic, output, ...how);

      expect(await verify(topic, output, ...how)).toEqual({ onDisk: 2, differences: 0 });
      expect(await verify(topic, output)).toMatchObject({ onDisk: 0, differences: 4 });
      const [first, second] = filesIn(output);
      truncateSync(join(output, first!), 100);
      writeFileSync(join(output, second!), 'no image');
      expect(await verify(topic, output, ...how)).toMatchObject({
        differences: 2,
        damaged: [expect.anything(), expect.anything()],
      });
    },
  );
});

describe('records that are on no disk', () => {
  test('are accounted for in the dead-letter topic', async () => {
    const topic = await createTopic();
    const output = temporaryFolder();
    const [held, conflict, unsaved] = [await sent('held'), await sent('held'), await sent('unsaved')];
    put(output, held);
    const bad = { value: 'no image' };
    await send(topic, ...held.records, bad, ...conflict.records, ...unsaved.records, bad);

    const unreadable = { record: at(topic, 1), reason: expect.stringContaining('not a CloudEvent') };
    const { unreadable: both, ...others } = await verify(topic, output);
    expect(both).toHaveLength(2);
    expect(others).toEqual({
      onDisk: 1,
      differences: 4,
      conflicting: [{ path: held.path, record: at(topic, 2) }],
      missing: [{ path: unsaved.path, record: at(topic, 3) }],
    });

    const deadLetters = await createTopic();
    const offsets = [1, 2, 3];
    await send(deadLetters, { value: 'strange' }, deadLetter(uniqueName(), 4));
    await send(deadLetters, ...offsets.map((offset) => deadLetter(topic, offset)));
    const { deadLettered, ...left } = await verify(topic, output, '--dead-letter-topic', deadLetters);
    expect(left).toEqual({
      onDisk: 1,
      differences: 1,
      unreadable: [{ ...unreadable, record: at(topic, 4) }],
    });
    expect(new Set(deadLettered)).toEqual(
      new Set([
        unreadable,
        { path: held.path, record: at(topic, 2) },
        { path: unsaved.path, record: at(topic, 3) },
      ]),
    );

    await send(deadLetters, deadLetter(topic, 4));
    expect(await verify(topic, output, '--dead-letter-topic', deadLetters)).toMatchObject({ differences: 0 });
  });

  test('by default in the topic of the same name with .dead-letter, which is not created', async () => {
    const topic = await createTopic();
    const deadLetters = `${topic}.dead-letter`;
    await send(topic, { value: 'no image' });
    expect(await verify(topic, temporaryFolder())).toMatchObject({ differences: 1 });
    expect(await withAdmin((admin) => admin.listTopics())).not.toContain(deadLetters);

    await createTopicNamed(deadLetters);
    await send(deadLetters, deadLetter(topic, 0));
    expect(await verify(topic, temporaryFolder())).toMatchObject({ differences: 0 });
  });

  test('are incomplete where chunks have not come, and missing where they have', async () => {
    const topic = await createTopic();
    const output = temporaryFolder();
    const { path, bytes, records } = await sent('cut', 100, 10_000);
    const { records: others } = await sent('other', 100, 10_000);
    expect(records.length).toBeGreaterThan(3);
    await send(topic, records[1]!, others[0]!, records[0]!);
    const first = { path, record: at(topic, 2) };
    const other = { path: path.replace('cut', 'other'), record: at(topic, 1) };
    const cut = await verify(topic, output);
    expect(new Set(cut.incomplete)).toEqual(new Set([first, other]));
    expect(cut).toMatchObject({ onDisk: 0, differences: 2 });

    await send(topic, ...records.slice(2));
    const whole = { onDisk: 0, differences: 2, incomplete: [other], missing: [first] };
    expect(await verify(topic, output)).toEqual(whole);

    put(output, { path, bytes });
    expect(await verify(topic, output)).toEqual({ onDisk: 1, differences: 1, incomplete: [other] });

    // A file is proof enough, wherever the other chunks are.
    await removeBefore(topic, 4);
    expect(await verify(topic, output)).toEqual({ onDisk: 1, differences: 0 });
  });

  test('because they were removed from the topic, explain files that are unexpected', async () => {
    const topic = await createTopic();
    const output = temporaryFolder();
    const [older, newer] = [await sent('older'), await sent('newer')];
    put(output, older);
    put(output, newer);
    await send(topic, ...older.records, ...newer.records);
    await removeBefore(topic, 1);
    expect(await verify(topic, output)).toEqual({
      onDisk: 1,
      differences: 1,
      unexpected: [{ path: older.path }],
    });
    const { stdout } = await start('consumer', ['verify', '-t', topic, '-o', output]).ended;
    expect(stdout).toContain('The topic no longer holds 1 older record; files of such are unexpected.\n');
  });
});

test('a part of a topic is compared with its files alone', async () => {
  const hour = 3_600_000;
  const first = Date.now() - 24 * hour;
  const topic = await createTopic(2);
  const output = temporaryFolder();
  const images = await Promise.all(Array.from({ length: 6 }, (_one, index) => sent(`hour-${index}`)));
  const place = (index: number) => ({ partition: index % 2, timestamp: String(first + index * hour) });
  await send(topic, ...images.map(({ records }, index) => ({ ...records[0]!, ...place(index) })));
  await send(topic, { key: 'k', value: await picture(), headers: { customer_id: 'other' }, ...place(5) });
  put(output, images[0]!);
  put(output, images[1]!);
  const hours = async (...args: string[]): Promise<string[]> => {
    const { missing = [], unexpected } = (await verify(topic, output, ...args)) as Partial<
      Verification['listed']
    >;
    expect(unexpected).toBeUndefined();
    return missing.map(({ path }) => /hour-\d|other/.exec(path!)![0]).toSorted();
  };
  const time = (index: number): string => new Date(first + index * hour).toISOString();

  expect(await hours('--until', time(2))).toEqual([]);
  expect(await hours('--since', time(4), '--until', time(5))).toEqual(['hour-4']);
  expect(await hours('--since', time(3))).toEqual(['hour-3', 'hour-4', 'hour-5', 'other']);
  expect(await hours('--partition', '0')).toEqual(['hour-2', 'hour-4']);
  expect(await hours('--customer', 'other')).toEqual(['other']);
  expect(await hours('--customer', 'nobody')).toEqual([]);
});

test('nothing is left behind or changed: groups, offsets, files', async () => {
  const topic = await createTopic(2);
  const output = temporaryFolder();
  await send(topic, { value: 'no image' }, { value: 'no image' });
  const group = uniqueName();
  await withAdmin((admin) =>
    admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: '1' }] }),
  );
  await verify(topic, output);
  await verify(topic, output, '--partition', '1');

  const { groups } = await withAdmin((admin) => admin.listGroups());
  expect(groups.filter(({ groupId }) => groupId.startsWith('image-stream-verify-'))).toEqual([]);
  expect(await committed(group, topic)).toEqual([1, -1]);
  expect(await committed('image-consumer', topic)).toEqual([-1, -1]);
  expect(filesIn(output)).toEqual([]);
});

describe('a mistake is one line', () => {
  test.each([
    [
      ['verfy'],
      2,
      "consumer: unexpected argument 'verfy'; did you mean consumer verify? (see consumer --help)",
    ],
    [['verify', '-n', '1'], 2, 'consumer verify: unknown option -n (see consumer verify --help)'],
    [['verify', '--since', '1h', '--until', '2h'], 2, /^consumer verify: --since .* must be before --until/],
    [['verify', '-t', 'a b'], 2, /^consumer verify: topic 'a b' must have/],
    [['verify', '-t', 'no-such-topic'], 1, /^consumer verify: there is no topic 'no-such-topic'/],
    [['verify', '-o', '/nowhere'], 1, /^consumer verify: there is no folder \/nowhere/],
  ])('%j', async (args, code, message) => {
    const folder = args.includes('-o') ? [] : args[0] === 'verify' ? ['-o', temporaryFolder()] : [];
    const { exitCode, stdout, stderr } = await start('consumer', [...args, ...folder]).ended;
    expect(stderr.trimEnd()).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
  });

  test('who stops it has no proof', async () => {
    const topic = await createTopic();
    // Enough that it is not read before the signal comes.
    const large = { value: Buffer.alloc(6_000_000) };
    await send(topic, ...Array.from({ length: 20 }, () => large));
    const args = ['-t', topic, '-o', temporaryFolder(), '--concurrency', '1', '--log-level', 'debug'];
    const { process: child, ended } = start('consumer', ['verify', ...args]);
    await new Promise((resolve) => {
      child.stderr.once('data', resolve);
    });
    child.kill('SIGINT');
    const { exitCode, stdout, stderr } = await ended;
    expect(stderr).toMatch(
      /\nconsumer verify: stopped before everything was compared, so this proves nothing\n$/,
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  });
});
