import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import sharp from 'sharp';

/** A folder that is removed when the test ends. */
export function temporaryFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, 'image-stream-e2e-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * The files below a folder, relative to it, in the order of their names; temporary ones as well. Not with `recursive`,
 * which follows links from Node 24 on.
 */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const below = entry.isDirectory() ? filesIn(join(folder, entry.name)) : [];
      return entry.isFile() ? [entry.name] : below.map((file) => join(entry.name, file));
    })
    .toSorted();
}

/** The pixels of a file: 8 bits for each channel, in C order. */
export async function pixelsOf(file: string): Promise<{ shape: number[]; data: Buffer }> {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  return { shape: [info.height, info.width, info.channels], data };
}

/** A port where nothing listens, held only long enough to be known. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
