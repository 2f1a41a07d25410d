import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** What the machine itself can do: with images of 6.2 MB, unless it says otherwise. */
export interface Limits {
  readonly copiesPerSecond: number;
  /** Files that are written and synced one after the other. */
  readonly filesPerSecond: number;
  /** The same, four at once. */
  readonly concurrentFilesPerSecond: number;
  /** Files of a thumbnail, as many at once as the consumer has in work. */
  readonly smallFilesPerSecond: number;
}

const imageBytes = 1920 * 1080 * 3;
const smallBytes = 11 * 1024;

/** @param folder on the disk that is measured */
export async function measureLimits(folder: string): Promise<Limits> {
  const image = randomBytes(imageBytes);
  return {
    copiesPerSecond: copiesPerSecond(image),
    filesPerSecond: await filesPerSecond(folder, image, 60, 1),
    concurrentFilesPerSecond: await filesPerSecond(folder, image, 60, 4),
    smallFilesPerSecond: await filesPerSecond(folder, image.subarray(0, smallBytes), 3000, 32),
  };
}

function copiesPerSecond(image: Buffer): number {
  const copies = 300;
  const target = Buffer.alloc(image.length);
  image.copy(target);
  const started = performance.now();
  for (let index = 0; index < copies; index++) {
    image.copy(target);
  }
  return copies / ((performance.now() - started) / 1000);
}

async function filesPerSecond(folder: string, image: Buffer, files: number, atOnce: number): Promise<number> {
  const paths = Array.from({ length: files }, (_, index) => join(folder, `limit-${index}`));
  const left = paths.values();
  const write = async (): Promise<void> => {
    for (const path of left) {
      const file = await open(path, 'wx');
      await file.write(image);
      await file.sync();
      await file.close();
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: atOnce }, write));
  const rate = files / ((performance.now() - started) / 1000);
  await Promise.all(paths.map((path) => rm(path)));
  return rate;
}
