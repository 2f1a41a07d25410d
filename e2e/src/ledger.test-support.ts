import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, onTestFinished } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { committed, createTopic, ends, uniqueName, withAdmin } from './kafka.test-support.ts';
import { bootstrapServers, succeed } from './programs.test-support.ts';

/** What a test sends, and where all of it has to be in the end, whatever happens on the way. */
export interface Ledger {
  /** Image files to send, no two of them alike. */
  readonly folder: string;
  readonly output: string;
  readonly topic: string;
  readonly group: string;
  /** The cluster. */
  readonly servers: string;
  /** Files of the output that were replaced or removed since they were first seen. */
  readonly changed: () => string[];
}

/** How often to look for new files and changed ones, in milliseconds. */
const watchIntervalMs = 50;

/**
 * Folders, a topic and a group that no other test has.
 *
 * @param maxMessageBytes makes what is larger travel in chunks
 * @param servers of a cluster of the test's own. Default: the broker that all tests share
 */
export async function openLedger(
  partitions?: number,
  maxMessageBytes?: string,
  servers = bootstrapServers,
): Promise<Ledger> {
  const topic = await createTopic(partitions, maxMessageBytes, servers);
  const home = temporaryFolder();
  const [folder, output] = [join(home, 'sent'), join(home, 'output')];
  mkdirSync(folder);
  return { folder, output, topic, group: topic, servers, changed: watchFiles(output) };
}

/** The same topic with what was sent to it, for a group of its own that saves elsewhere. */
export function anotherReader(ledger: Ledger): Ledger {
  const output = join(temporaryFolder(), 'output');
  return { ...ledger, output, group: uniqueName(), changed: watchFiles(output) };
}

/** The options of a consumer that serves a ledger. */
export function consumerArgs({
  output,
  topic,
  group,
  servers,
}: Omit<Ledger, 'folder' | 'changed'>): string[] {
  return ['-bs', servers, '-t', topic, '-gid', group, '-o', output];
}

/** Makes PNG files of noise, a little over `3 * side * side` bytes each. */
export async function paintFiles(folder: string, count: number, side = 16): Promise<void> {
  const first = filesIn(folder).length;
  for (let index = 0; index < count; index++) {
    const raw = { width: side, height: side, channels: 3 } as const;
    const png = await sharp(randomBytes(3 * side * side), { raw })
      .png()
      .toBuffer();
    await writeFile(join(folder, `noise-${first + index}.png`), png);
  }
}

/** Sends all files of a folder, and sees that the producer reports each of them as sent. */
export async function sendFiles(
  { folder, topic, servers }: Pick<Ledger, 'folder' | 'topic' | 'servers'>,
  ...args: string[]
): Promise<void> {
  const summary = await succeed('producer', [folder, '-bs', servers, '-t', topic, '-a', 'all', ...args]);
  expect(summary).toMatchObject({ images: filesIn(folder).length, failed: 0 });
}

/**
 * Holds the output against what was sent: each file is there with its bytes, once, nothing was replaced or put
 * aside, nothing unfinished is left, and the group has committed the end of the topic.
 *
 * @param ledger consumers of which have ended
 */
export async function expectLedger(ledger: Ledger): Promise<void> {
  const { folder, output, topic, servers, changed } = ledger;
  expect(hashesOf(output)).toEqual(hashesOf(folder));
  expect(changed()).toEqual([]);
  // The temporary ones are below `.tmp`, which is no customer's.
  expect(filesIn(output).filter((file) => !file.startsWith('customer='))).toEqual([]);
  expect(await recordsIn(`${topic}.dead-letter`, servers)).toBe(0);
  expect(await lag(ledger)).toBe(0);
}

/** The files that have their final names, relative to the output. */
export function finishedFiles(output: string): string[] {
  return existsSync(output) ? filesIn(output).filter((file) => !file.startsWith('.tmp')) : [];
}

/** How many records of a topic, which may not exist. */
export async function recordsIn(topic: string, servers = bootstrapServers): Promise<number> {
  const topics = await withAdmin((admin) => admin.listTopics(), servers);
  return topics.includes(topic) ? ends(topic, servers) : 0;
}

/** How many records the group has not committed yet. */
export async function lag({
  group,
  topic,
  servers,
}: Pick<Ledger, 'group' | 'topic' | 'servers'>): Promise<number> {
  const offsets = await withAdmin((admin) => admin.fetchTopicOffsets(topic), servers);
  const done = await committed(group, topic, servers);
  return offsets.reduce((sum, { partition, high }) => sum + Number(high) - Math.max(done[partition]!, 0), 0);
}

/** SHA-256 of a file or of bytes, in hex. */
export function sha256Of(content: string | Buffer): string {
  const bytes = typeof content === 'string' ? readFileSync(content) : content;
  return createHash('sha256').update(bytes).digest('hex');
}

/** The SHA-256 of each finished file, in their order. */
export function hashesOf(folder: string): string[] {
  return finishedFiles(folder)
    .map((file) => sha256Of(join(folder, file)))
    .toSorted();
}

/**
 * Notes each finished file as soon as it is seen: one that is written again has another inode or time.
 *
 * @returns ends it, and gives those that were replaced or removed
 */
export function watchFiles(output: string): () => string[] {
  const seen = new Map<string, string>();
  const changed = new Set<string>();
  const look = (): void => {
    const files = finishedFiles(output);
    for (const file of files) {
      const { ino, mtimeMs } = statSync(join(output, file));
      const mark = `${ino} ${mtimeMs}`;
      if (mark !== (seen.get(file) ?? mark)) {
        changed.add(file);
      }
      seen.set(file, mark);
    }
    const present = new Set(files);
    for (const file of seen.keys()) {
      if (!present.has(file)) {
        changed.add(file);
      }
    }
  };
  let timer: NodeJS.Timeout;
  const keepLooking = (): void => {
    const began = performance.now();
    look();
    // Of tens of thousands of files, a look takes a second, and the test itself has to come to its turn.
    timer = setTimeout(keepLooking, Math.max(watchIntervalMs, 10 * (performance.now() - began)));
  };
  keepLooking();
  onTestFinished(() => clearTimeout(timer));
  return () => {
    clearTimeout(timer);
    look();
    return [...changed];
  };
}
