import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodeNpy } from '@image-stream/codec';
import sharp from 'sharp';
import type { Sharp } from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic, ends } from './kafka.test-support.ts';
import { commandOf, run, start, succeed, summaryOf } from './programs.test-support.ts';

const noise = (width: number, height: number): Sharp =>
  sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } });

/** A folder of pictures: small ones, and one that the topic's limit does not let through in one piece. */
async function pictures(): Promise<{ folder: string; files: Record<string, Buffer> }> {
  const folder = join(temporaryFolder(), 'pictures');
  const files = {
    'a.png': await noise(40, 30).png().toBuffer(),
    'b.JPG': await noise(40, 30).withMetadata({ orientation: 6 }).jpeg({ progressive: true }).toBuffer(),
    'sub/c.webp': await noise(40, 30).webp().toBuffer(),
    'sub/d.avif': await noise(40, 30).avif({ effort: 0 }).toBuffer(),
    'sub/deep/e e.gif': await noise(40, 30).gif().toBuffer(),
    'sub/deep/large.tif': await noise(1200, 900).tiff({ compression: 'none' }).toBuffer(),
  };
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
    utimesSync(join(folder, name), 1_700_000_000, 1_700_000_000);
  }
  return { folder, files };
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

test('a folder of pictures comes out byte for byte, also when it is sent twice', async () => {
  const { folder, files } = await pictures();
  const topic = await createTopic(2, '1048588');
  const output = join(temporaryFolder(), 'output');
  const send = () => succeed('producer', [folder, '--recursive', '-t', topic]);
  expect(await send()).toMatchObject({ images: 6, failed: 0 });
  expect(await send()).toMatchObject({ images: 6, failed: 0 });
  const saved = await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
  expect(saved).toMatchObject({ images: 6, failed: 0 });

  const found = filesIn(output);
  expect(found.map((file) => sha256(readFileSync(join(output, file)))).toSorted()).toEqual(
    Object.values(files).map(sha256).toSorted(),
  );
  expect(found.map((file) => file.replace(/-[0-9a-f]{24}\./, '-HASH.'))).toEqual(
    ['a-HASH.png', 'b-HASH.jpg', 'c-HASH.webp', 'd-HASH.avif', 'e%20e-HASH.gif', 'large-HASH.tif'].map(
      (name) => `customer=default/date=2023-11-14/${name}`,
    ),
  );
});

test('a file whose modification time changed is another image, and verify finds both, in chunks or not', async () => {
  const { folder } = await pictures();
  const topic = await createTopic(2, '1048588');
  const output = join(temporaryFolder(), 'output');
  const files = ['a.png', 'sub/deep/large.tif'].map((file) => join(folder, file));
  const send = () => succeed('producer', [...files, '-t', topic]);
  await send();
  // In the same second, and on another day.
  for (const time of [1_700_000_000.25, 1_700_100_000]) {
    files.forEach((file) => utimesSync(file, time, time));
    await send();
  }
  files.forEach((file) => utimesSync(file, 1_700_000_000, 1_700_000_000));
  await send();
  const saved = await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
  expect(saved).toMatchObject({ images: 6, failed: 0, deadLettered: 0 });
  const ids = filesIn(output).map((file) => file.replace(/^.*\//, ''));
  expect(new Set(ids).size).toBe(6);
  const verified = await start('consumer', ['verify', '-t', topic, '-o', output, '--json']).ended;
  expect(verified.exitCode).toBe(0);
  expect(JSON.parse(verified.stdout)).toMatchObject({ onDisk: 6, differences: 0 });
});

test('bad files are named with the reason, and the others arrive', async () => {
  const { folder, files } = await pictures();
  const topic = await createTopic();
  const output = join(temporaryFolder(), 'output');
  writeFileSync(join(folder, 'empty.png'), '');
  writeFileSync(join(folder, 'notes.txt'), 'hello');
  writeFileSync(join(folder, 'truncated.jpg'), files['b.JPG']!.subarray(0, -2));
  const ended = await start('producer', [folder, join(folder, 'absent.png'), '-t', topic, '--json']).ended;
  expect(ended.exitCode).toBe(1);
  expect(summaryOf(ended.stdout)).toMatchObject({ images: 2, failed: 4 });
  for (const [name, reason] of [
    ['empty.png', 'file is empty'],
    ['notes.txt', 'not a PNG, JPEG, WebP, AVIF, TIFF, GIF or NPY file'],
    ['truncated.jpg', 'JPEG file is cut off'],
    ['absent.png', 'no such file'],
  ]) {
    expect(ended.stderr).toMatch(new RegExp(`${name} was not sent: .*${reason}`));
  }
  expect(
    await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']),
  ).toMatchObject({
    images: 2,
  });
});

test('globs, single files and customers from paths', async () => {
  const { folder } = await pictures();
  const topic = await createTopic();
  const output = join(temporaryFolder(), 'output');
  const args = ['-t', topic, '--recursive'];
  expect(await succeed('producer', [join(folder, '**/*.{webp,gif}'), '-t', topic])).toMatchObject({
    images: 2,
  });
  expect(await succeed('producer', [join(folder, 'a.png'), '-t', topic, '-cid', 'me'])).toMatchObject({
    images: 1,
  });
  expect(
    await succeed('producer', [
      join(folder, 'sub'),
      ...args,
      '--customer-from-path',
      '(?<customer>[^/]+)/',
    ]).catch(String),
  ).toContain('its path c.webp does not match --customer-from-path');

  await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
  const customers = filesIn(output).map((file) => file.split('/')[0]);
  expect(customers).toEqual([
    'customer=deep',
    'customer=deep',
    'customer=default',
    'customer=default',
    'customer=me',
  ]);
});

test('an input of a scheme that no source opens is a usage error, and nothing is sent', async () => {
  const { folder } = await pictures();
  const topic = await createTopic();
  const ended = await start('producer', [folder, 'gs://bucket/a.png', '-t', topic]).ended;
  expect(ended).toMatchObject({ exitCode: 2, stdout: '' });
  expect(ended.stderr).toBe(
    "producer: 'gs://bucket/a.png' cannot be opened: gs:// is none of - (standard input), file:// (or a path: a file, a folder, a glob), s3://bucket/key or s3://bucket/prefix/ (see producer --help)\n",
  );
  expect(await ends(topic)).toBe(0);
});

// Even root reads what its mode forbids, unless it gives the right to that away.
const withoutRights = [
  '--bounding-set=-dac_override,-dac_read_search',
  '--inh-caps=-dac_override,-dac_read_search',
];
const canGiveUpRights = spawnSync('setpriv', [...withoutRights, 'true']).status === 0;

test.skipIf(!canGiveUpRights)(
  'a folder that may not be read is named, also by a glob, and the others are sent',
  async () => {
    const { folder } = await pictures();
    const topic = await createTopic();
    chmodSync(join(folder, 'sub'), 0);
    onTestFinished(() => chmodSync(join(folder, 'sub'), 0o755));
    const sub = join(folder, 'sub');
    const inputs = [folder, join(folder, '**/*.png'), join(sub, 'c.webp'), join(sub, '*.webp')];
    const command = commandOf('producer', [...inputs, '--recursive', '-t', topic, '--json']);
    const ended = await run('setpriv', [...withoutRights, ...command]).ended;
    expect(ended.exitCode).toBe(1);
    expect(summaryOf(ended.stdout)).toMatchObject({ images: 3, failed: 4 });
    const named = ended.stderr.match(/(?<=ERROR: ).*(?= was not sent: EACCES: permission denied)/g);
    expect(named).toEqual([sub, sub, join(sub, 'c.webp'), join(sub, '*.webp')]);
  },
);

test('what stands behind -- is an input, and a newline in a name forges no line', async () => {
  const folder = temporaryFolder();
  const picture = await noise(8, 8).png().toBuffer();
  writeFileSync(join(folder, '--a_b.png'), picture);
  writeFileSync(join(folder, 'bad\nERROR: forged.png'), 'no image');
  const command = commandOf('producer', ['--dry-run', '--', '--a_b.png', 'bad\nERROR: forged.png']);
  const { stdout, stderr } = await run(command[0]!, command.slice(1), {}, folder).ended;
  expect(stdout).toMatch(/^--a_b-[0-9a-f]{24} {2}image\/png/m);
  expect(stderr).toContain(String.raw`bad\u000aERROR: forged.png cannot be sent: not a PNG`);
});

test('NumPy arrays are sent as they are and saved as PNG, or as they were', async () => {
  const folder = temporaryFolder();
  const array = encodeNpy({
    shape: [20, 30],
    dtype: 'uint16',
    data: Uint16Array.from({ length: 600 }, (_one, i) => i * 100),
  });
  writeFileSync(join(folder, 'depth.npy'), array);
  const topic = await createTopic();
  await succeed('producer', [join(folder, 'depth.npy'), '-t', topic]);
  for (const saveAs of ['original', 'npy']) {
    const output = join(folder, saveAs);
    await succeed('consumer', [
      '-t',
      topic,
      '-gid',
      `${topic}-${saveAs}`,
      '-o',
      output,
      '--exit-at-end',
      '--save-as',
      saveAs,
    ]);
    const [file] = filesIn(output);
    const bytes = readFileSync(join(output, file!));
    if (saveAs === 'npy') {
      expect(bytes).toEqual(array);
    } else {
      expect(await sharp(bytes).metadata()).toMatchObject({
        format: 'png',
        width: 30,
        height: 20,
        depth: 'ushort',
      });
    }
  }
});
