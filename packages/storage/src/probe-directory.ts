import { link, mkdtemp, open, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatBytes, ok, problem, warning } from '@image-stream/program';
import type { Finding } from '@image-stream/program';

/** Whether images can be saved in a directory, and how fast. What is written for that is removed again. */
export async function probeDirectory(directory: string): Promise<Finding[]> {
  return tryWriting('output', '--output-directory', directory, async (trial) => [
    await checkLinks(trial),
    await checkSpace(trial),
    await checkSpeed(trial),
  ]);
}

/** Whether what is not finished can lie in a directory, where the images themselves are kept elsewhere. */
export async function probeScratch(directory: string): Promise<Finding[]> {
  return tryWriting('scratch', '--scratch-directory', directory, async (trial) => [await checkSpace(trial)]);
}

/**
 * Whether there is room for the shards that are not durable yet, which lie in a directory.
 *
 * @param bytes that they may take together
 */
export async function probeShards(directory: string, bytes: number): Promise<Finding> {
  const { folder } = await existingFolder(directory);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const seen = `those that are not complete take up to ${formatBytes(bytes)} in ${folder}, where ${formatBytes(free)} are free`;
  return free < bytes
    ? warning(
        'shards',
        seen,
        'lower --shard-bytes, or make room; when there is none, shards are closed early',
      )
    : ok('shards', seen);
}

async function tryWriting(
  check: string,
  option: string,
  directory: string,
  more: (trial: string) => Promise<Finding[]>,
): Promise<Finding[]> {
  const { folder, missing } = await existingFolder(directory);
  let trial;
  try {
    trial = await mkdtemp(join(folder, '.image-stream-doctor-'));
  } catch (error) {
    return [
      problem(
        check,
        `cannot write to ${folder}: ${(error as Error).message}`,
        `let this user write there, or choose another ${option}`,
      ),
    ];
  }
  try {
    const seen = missing ? `${directory} will be made in ${folder}, which can be written to` : directory;
    return [ok(check, missing ? seen : `${seen} can be written to`), ...(await more(trial))];
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}

/** The directory, or where it will be made: the nearest one above it that exists. */
async function existingFolder(directory: string): Promise<{ folder: string; missing: boolean }> {
  let folder = directory;
  while ((await stat(folder).catch(() => undefined)) === undefined && dirname(folder) !== folder) {
    folder = dirname(folder);
  }
  return { folder, missing: folder !== directory };
}

async function checkLinks(trial: string): Promise<Finding> {
  const file = join(trial, 'link');
  await (await open(file, 'wx')).close();
  try {
    await link(file, `${file}ed`);
    return ok('hard links', 'work');
  } catch (error) {
    return problem(
      'hard links',
      `do not work: ${(error as Error).message}`,
      'choose an --output-directory on a file system that has them; without, a file could not appear whole and never replace another',
    );
  }
}

/** Less, and a few large images fill it. */
const littleBytes = 1024 ** 3;

async function checkSpace(trial: string): Promise<Finding> {
  const { bavail, bsize, blocks, files, ffree } = await statfs(trial);
  const free = bavail * bsize;
  const seen = `${formatBytes(free)} of ${formatBytes(blocks * bsize)} are free`;
  // Some file systems have no fixed number of files, and say 0.
  if (free === 0 || (files > 0 && ffree === 0)) {
    const what = free === 0 ? seen : `${seen}, but no more files can be made`;
    return problem('free space', what, 'make room; the consumer waits until there is some');
  }
  return free < littleBytes
    ? warning('free space', seen, 'make room before it is needed; the consumer waits when there is none')
    : ok('free space', seen);
}

const smallFiles = 20;
const largeBytes = 8 * 1024 ** 2;

/** Where a file takes longer than that, the disk, and not this program, decides how fast images are saved. */
const slowMs = 100;

/** The slowest disk is not to keep the user waiting. */
const speedTimeoutMs = 5000;

/** Measures what the consumer does for each image: write, and wait until it is on disk. */
async function checkSpeed(trial: string): Promise<Finding> {
  const started = performance.now();
  let count = 0;
  while (count < smallFiles && performance.now() - started < speedTimeoutMs) {
    await writeDurably(join(trial, String(count)), Buffer.alloc(4096, count));
    count += 1;
  }
  const smallMs = (performance.now() - started) / count;
  const before = performance.now();
  await writeDurably(join(trial, 'large'), Buffer.alloc(largeBytes, 1));
  const largeSeconds = (performance.now() - before) / 1000;
  const seen =
    `${smallMs.toFixed(1)} ms for a small file (of ${count}), ` +
    `${formatBytes(largeBytes / largeSeconds)}/s for one of ${formatBytes(largeBytes)}, synced`;
  return smallMs > slowMs
    ? warning('disk speed', seen, 'each image waits for the disk; a local SSD is faster than a network drive')
    : ok('disk speed', seen);
}

async function writeDurably(file: string, bytes: Buffer): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
