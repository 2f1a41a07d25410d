import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageIoError, transcode } from '@image-stream/image-io';
import { KafkaConfigError } from '@image-stream/kafka-config';
import { expect, onTestFinished, test } from 'vitest';
import { filesHere } from './file-loader.test-support.ts';
import { openSentFiles } from './sent-files.ts';
import { watchFolder } from './watch.ts';

const onLinux = process.platform === 'linux';
const pixels = { shape: [2, 2, 3], dtype: 'uint8', data: new Uint8Array(12) } as const;
const { bytes: png } = await transcode(pixels, 'png');
const seconds = { timeout: 10_000, interval: 20 };

test.skipIf(!onLinux)('one odd entry is named once, and the watch goes on', async () => {
  const { folder, seen } = await watching(async (path) => {
    await writeFile(join(path, 'there.png'), png);
    execFileSync('mkfifo', [join(path, 'pipe')]);
    await symlink('loop', join(path, 'loop'));
    await symlink('nowhere', join(path, 'dangling'));
    await symlink('.', join(path, 'folder'));
    await mkdir(join(path, 'sub'));
    await writeFile(Buffer.concat([Buffer.from(`${path}/a`), Buffer.from([0xff])]), png);
  });
  const odd = [
    'a\\xff: its name is not UTF-8',
    'dangling: ENOENT, once more',
    'loop: ELOOP, once more',
    'pipe: is not a file',
  ];
  await expect.poll(seen, seconds).toEqual([...odd, 'there.png']);

  // The same appears while it is watched.
  execFileSync('mkfifo', [join(folder, 'sub', 'pipe')]);
  await symlink('loop', join(folder, 'sub', 'loop'));
  await writeFile(join(folder, 'sub', 'later.png'), png);
  const later = ['sub/loop: ELOOP, once more', 'sub/pipe: is not a file', 'sub/later.png'];
  await expect.poll(seen, seconds).toEqual([...odd, ...later, 'there.png'].toSorted());

  // After the next listing, still once each, and what has become a file is sent.
  await rm(join(folder, 'pipe'));
  await rename(join(folder, 'sub', 'later.png'), join(folder, 'pipe'));
  await expect.poll(seen, seconds).toEqual([...odd, ...later, 'pipe again', 'there.png'].toSorted());
});

test('a folder that is made, renamed, or removed and made again, is watched', async () => {
  const { folder, seen } = await watching(async (path) => mkdir(join(path, 'a')));
  await mkdir(join(folder, 'b', 'c'), { recursive: true });
  await writeFile(join(folder, 'b', 'c', '1.png'), png);
  await expect.poll(seen, seconds).toEqual(['b/c/1.png']);
  await rename(join(folder, 'b'), join(folder, 'd'));
  await expect.poll(seen, seconds).toEqual(['b/c/1.png', 'd/c/1.png']);
  await writeFile(join(folder, 'd', 'c', '2.png'), png);
  await expect.poll(seen, seconds).toEqual(['b/c/1.png', 'd/c/1.png', 'd/c/2.png']);
  await rm(join(folder, 'a'), { recursive: true });
  await mkdir(join(folder, 'a'));
  await writeFile(join(folder, 'a', '3.png'), png);
  await expect.poll(seen, seconds).toContain('a/3.png');
});

test('an archive is named at once, and again only where something else takes its place', async () => {
  const zip = Buffer.from('PK\x03\x04, and what belongs to it');
  const { folder, seen } = await watching(async (path) => {
    await writeFile(join(path, 'a.zip'), zip);
    await writeFile(join(path, 'really an image.tar'), png);
  });
  const refused = 'a.zip: is an archive';
  await expect.poll(seen, seconds).toEqual([refused, 'really an image.tar']);
  await writeFile(join(folder, 'a.zip'), Buffer.concat([zip, zip]));
  await writeFile(join(folder, 'b.png'), png);
  await expect.poll(seen, seconds).toEqual([refused, 'b.png', 'really an image.tar']);
  await writeFile(join(folder, 'a.zip'), png);
  await expect
    .poll(seen, seconds)
    .toEqual([refused, 'a.zip again', 'b.png', 'really an image.tar'].toSorted());
});

test('what cannot be delivered is handed over again, until it is or is gone; what is no image, when it changes', async () => {
  const errors: Record<string, Error> = {
    'away.png': new KafkaConfigError('UNREACHABLE', 'cannot reach Kafka'),
    'late.png': new Error('it was not acknowledged within delivery.timeout.ms'),
    'gone.png': new KafkaConfigError('UNREACHABLE', 'cannot reach Kafka'),
    'deep.png': new ImageIoError('UNSUPPORTED', 'no room for it'),
  };
  const { folder, seen } = await watching(async (path) => {
    for (const name of [...Object.keys(errors), 'bad.png']) {
      await writeFile(join(path, name), name === 'bad.png' ? 'no image' : png);
      await utimes(join(path, name), 1_700_000_000, 1_700_000_000);
    }
  }, errors);
  const failed = [
    'away.png: cannot reach Kafka, once more',
    'bad.png: not a PNG',
    'deep.png: no room for it',
  ];
  const gone = 'gone.png: cannot reach Kafka, once more';
  const late = 'late.png: it was not acknowledged within delivery.timeout.ms, once more';
  await expect.poll(seen, seconds).toEqual([...failed, gone, late]);
  await rm(join(folder, 'gone.png'));
  errors['away.png'] = errors['late.png'] = undefined!;
  await expect
    .poll(seen, seconds)
    .toEqual([...failed, 'away.png again', gone, late, 'late.png again'].toSorted());
  await writeFile(join(folder, 'bad.png'), png);
  await expect.poll(seen, seconds).toContain('bad.png again');
  expect(seen()).not.toContain('deep.png again');
});

test('a file of another size or time is sent again, and one that was replaced by its equal in both is not', async () => {
  const { folder, seen, sent } = await watching(async (path) =>
    writeFile(join(path, 'a.png'), withTail('one')),
  );
  await expect.poll(seen, seconds).toEqual(['a.png']);
  const time = new Date(1_700_000_000_000);
  await utimes(join(folder, 'a.png'), time, time);
  await expect.poll(seen, seconds).toEqual(['a.png', 'a.png']);
  const other = join(folder, '.other.png');
  await writeFile(other, withTail('two'));
  await utimes(other, time, time);
  await rename(other, join(folder, 'a.png'));
  await writeFile(join(folder, 'b.png'), png);
  await expect.poll(seen, seconds).toEqual(['a.png', 'a.png', 'b.png']);
  expect(sent.has('a.png', { size: png.length + 3, mtimeMs: time.getTime() })).toBe(true);
  await appendFile(join(folder, 'a.png'), 'more');
  await expect.poll(seen, seconds).toEqual(['a.png', 'a.png', 'a.png', 'b.png']);
});

/** An image, and after its end what tells one from another. */
function withTail(tail: string): Buffer {
  return Buffer.concat([png, Buffer.from(tail)]);
}

test('files that wait to become whole are counted, and named when a signal ends the watch', async () => {
  const { folder, incomplete, warnings, end } = await watching(async () => {});
  await writeFile(join(folder, 'half.png'), png.subarray(0, png.length / 2));
  await expect.poll(() => [...incomplete.keys()], seconds).toEqual([join(folder, 'half.png')]);
  await end();
  expect(warnings).toEqual([
    expect.stringMatching(/half\.png was not sent yet: PNG file is cut off: it ends at byte \d+$/),
  ]);
});

/**
 * A folder that is watched with its folders, and what the watch has given so far, in the order of the names.
 *
 * @param errors why images cannot be delivered, by their paths
 */
async function watching(prepare: (folder: string) => Promise<unknown>, errors: Record<string, Error> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'watch-'));
  await prepare(folder);
  const sent = await openSentFiles(join(folder, '.sent'), { clusterId: 'cluster', topic: 'images' });
  const end = new AbortController();
  const given: string[] = [];
  const warnings: string[] = [];
  const incomplete = new Map<string, string>();

  const run = async (): Promise<void> => {
    const context = {
      files: filesHere(),
      path: (path: string) => path,
      recursive: true,
      s3: {},
      incomplete,
      sentFiles: async () => sent,
    };
    const options = { ...context, folder, sent, signal: end.signal, customerOf: () => 'lab' };
    for await (const pending of watchFolder({ ...options, warn: (message) => void warnings.push(message) })) {
      const name = pending.name.slice(folder.length + 1);
      try {
        await pending.load();
        if (errors[name] !== undefined) {
          throw errors[name];
        }
        await pending.acknowledged?.();
        given.push(`${name}${pending.isAgain ? ' again' : ''}`);
      } catch (error) {
        // Of a failure that comes again, one; of its message, what does not name the folder.
        const [reason] = (error as Error).message.split(/[,:]/);
        const failure = `${name}: ${reason}${pending.failed?.(error as Error) === true ? ', once more' : ''}`;
        if (!given.includes(failure)) {
          given.push(failure);
        }
      }
    }
  };
  const ended = run();
  const stop = async (): Promise<void> => {
    end.abort();
    await ended;
  };
  onTestFinished(async () => {
    await stop();
    await rm(folder, { recursive: true });
  });
  return { folder, sent, incomplete, warnings, end: stop, seen: () => given.toSorted() };
}
