import { rm } from 'node:fs/promises';
import type { ByteSource } from '@image-stream/codec';
import { fileSource, inspectImage, sha256Of } from '@image-stream/image-io';
import { StorageError } from '../errors.ts';
import { safeName } from '../image-key.ts';
import type { About, Accepted, Sink } from '../sink.ts';
import { systemErrorName } from '../system-errors.ts';
import type { Workspace } from '../workspace.ts';
import type { Container } from './container.ts';
import { lineOf, parseShardKey, sampleName, sampleOf } from './sample.ts';
import type { Origin, Sample } from './sample.ts';
import { createShardFile } from './shard.ts';
import type { Entry, ShardFile } from './shard.ts';
import { isOfStore, shardReader, splitKey } from './shard-reader.ts';

/** When a shard is closed. */
export interface ShardLimits {
  /** Bytes of a shard; a larger image has one of its own. */
  readonly shardBytes: number;
  readonly shardImages: number;
  /** After its first image, in milliseconds. */
  readonly shardIntervalMs: number;
}

/** Shards that are open at once; the oldest is closed for another one. */
const maxOpen = 64;

/** Shards that are closed, and on their way, before others wait for them. */
const maxSettling = 16;

/** What is not durable yet takes the local disk and memory: so many shards of full size, in bytes and in images. */
export const maxFull = 4;

/** The shards of one kind: of one folder, type and partition. Each begins where the one before it ends. */
interface Chain {
  readonly id: string;
  readonly folder: string;
  readonly extension: string;
  readonly line: string;
  /** To which images are added. */
  open: Shard | undefined;
  /** The newest one, until it is durable. */
  last: Shard | undefined;
  /** What is in durable shards, by its offset, as far as it may come again. */
  readonly known: Map<number, Known>;
  /** From which offset on that is complete; infinite where others may have written since. */
  knownFrom: number;
  /** The offset after that of the newest image that was added. */
  position: number;
  /** Whoever is at work with it. */
  users: number;
}

/** An image in a durable shard. */
interface Known extends Pick<Sample, 'id' | 'sha256'> {
  readonly content: ByteSource;
}

/** An image, and the record that it came in. */
type ImageAbout = About & Required<Pick<About, 'image' | 'origin' | 'turn'>>;

interface Shard {
  readonly chain: Chain;
  readonly file: ShardFile;
  readonly previous: Shard | undefined;
  readonly accepted: Accepted;
  readonly timer: NodeJS.Timeout;
  readonly closed: Promise<void>;
  readonly setClosed: () => void;
  isClosed: boolean;
  /** The image that is being added. */
  adding: Promise<unknown>;
  settling: Promise<void> | undefined;
}

/**
 * Keeps images in shards, which another sink keeps: many images in one file, each image once.
 *
 * A shard is named after its first image, and the sink beneath creates it or says that it is there, so of two writers one wins. The other one
 * reads which images that shard holds, and goes on with the others. Why no image is lost or kept twice, docs/DESIGN.md says; it takes that images
 * of a partition are put in the order of their records, each when the one before it was accepted or refused for good.
 */
export function createShardSink(
  inner: Sink,
  workspace: Pick<Workspace, 'newFile'>,
  container: Container,
  { shardBytes, shardImages, shardIntervalMs }: ShardLimits,
): Sink {
  const chains = new Map<string, Chain>();
  const reader = shardReader(inner, container);
  /** All that are not durable, the oldest first. */
  const shards = new Set<Shard>();

  async function put(key: string, content: ByteSource, about: ImageAbout): Promise<Accepted> {
    const { image, mediaType, origin, turn } = about;
    container.assertFits(content);
    const { width, height } =
      about.size ?? (await inspectImage(content, { maxImagePixels: Number.POSITIVE_INFINITY }));
    const sha256 = (await about.receivedSha256?.()) ?? about.sha256 ?? (await sha256Of(content));
    const sample = sampleOf(image, origin, { mediaType, width, height, sha256 });
    await turn();
    return withChain(key, origin, async (chain) => {
      const { offset, id } = sample;
      if (offset < chain.knownFrom || offset < chain.position) {
        await learnAll(chain, offset);
      }
      const known = chain.known.get(offset);
      if (known !== undefined) {
        assertSame(chain, { id, offset }, known);
        return { durable: async () => {}, wasThere: true };
      }
      await makeRoom(content.size);
      const accepted = await add(chain, content, sample);
      chain.position = offset + 1;
      return accepted;
    });
  }

  async function add(chain: Chain, content: ByteSource, sample: Sample): Promise<Accepted> {
    if (chain.open !== undefined && chain.open.file.size + content.size > shardBytes) {
      close(chain.open);
    }
    const shard =
      chain.open ?? openShard(chain, await createShardFile(workspace.newFile(), chain.line, chain.extension));
    // In the same step, so that nobody closes it in between.
    const adding = shard.file.add(content, sample);
    shard.adding = adding.catch(() => {});
    try {
      await adding;
    } catch (error) {
      if (['ENOSPC', 'EDQUOT'].includes(systemErrorName(error) ?? '')) {
        // What can leave the disk does.
        closeAll();
      }
      throw error;
    }
    if (shard.file.size >= shardBytes || shard.file.entries.length >= shardImages) {
      close(shard);
    }
    return shard.accepted;
  }

  function openShard(chain: Chain, file: ShardFile): Shard {
    let setClosed!: () => void;
    const closed = new Promise<void>((resolve) => (setClosed = resolve));
    const shard: Shard = {
      ...{ chain, file, previous: chain.last, closed, setClosed, isClosed: false },
      ...{ adding: Promise.resolve(), settling: undefined },
      accepted: { durable: () => closed.then(() => settle(shard)) },
      timer: setTimeout(() => close(shard), shardIntervalMs).unref(),
    };
    chain.open = shard;
    chain.last = shard;
    shards.add(shard);
    return shard;
  }

  /** Nothing is added any more. */
  function close(shard: Shard): void {
    if (shard.isClosed) {
      return;
    }
    shard.isClosed = true;
    clearTimeout(shard.timer);
    if (shard.chain.open === shard) {
      shard.chain.open = undefined;
    }
    shard.setClosed();
    // Whoever waits for it is told of an error, and asks again.
    settle(shard).catch(() => {});
  }

  function closeAll(): void {
    [...shards].forEach(close);
  }

  /** Makes a closed shard durable, after those before it. */
  function settle(shard: Shard): Promise<void> {
    shard.settling ??= settleNow(shard).catch((error: unknown) => {
      shard.settling = undefined;
      throw error;
    });
    return shard.settling;
  }

  async function settleNow(shard: Shard): Promise<void> {
    const { chain, file, previous } = shard;
    if (previous !== undefined && shards.has(previous)) {
      await settle(previous);
    }
    await shard.adding;
    if (file.entries.length > 0) {
      await file.finish();
      await keep(chain, file);
    }
    await file.close();
    await rm(file.path, { force: true }).catch(() => {});
    shards.delete(shard);
    const end = file.entries.at(-1)?.offset ?? 0;
    // Those after it begin behind it.
    [...chain.known.keys()].filter((offset) => offset <= end).forEach((offset) => chain.known.delete(offset));
    if (chain.last === shard) {
      chain.last = undefined;
    }
    tidy(chain);
  }

  /** Puts what others have not put meanwhile. */
  async function keep(chain: Chain, file: ShardFile): Promise<void> {
    for (;;) {
      const entries = file.entries.filter((entry) => {
        const known = chain.known.get(entry.offset);
        if (known !== undefined) {
          assertSame(chain, entry, known);
        }
        return known === undefined;
      });
      if (entries.length === 0) {
        return;
      }
      const { folder, line, extension } = chain;
      const key = `${folder}/${sampleName(line, entries[0]!.offset)}.${extension}.${container.extension}`;
      const target = workspace.newFile();
      try {
        const path = await container.write(file, entries, target);
        const about = { mediaType: container.mediaType };
        const created = await inner.put(key, await fileSource(path), 'create', about);
        if (created !== undefined) {
          await created.durable();
          return;
        }
      } finally {
        await rm(target, { force: true }).catch(() => {});
      }
      const { offset } = entries[0]!;
      await learn(chain, key, offset);
      if (!chain.known.has(offset) && (await inner.find(key)) !== undefined) {
        throw notAShard(key, `it does not hold the image of offset ${offset}, after which it is named`);
      }
    }
  }

  /** Waits until there is room for another image. */
  async function makeRoom(bytes: number): Promise<void> {
    for (;;) {
      let [open, used, images] = [0, bytes, 0];
      for (const { file, isClosed } of shards) {
        open += Number(!isClosed);
        used += file.size;
        images += file.entries.length;
      }
      const isFull = used > maxFull * shardBytes || images >= maxFull * shardImages;
      const oldest = open >= maxOpen || isFull ? [...shards].find(({ isClosed }) => !isClosed) : undefined;
      if (oldest !== undefined) {
        close(oldest);
      }
      if (shards.size === 0 || (!isFull && shards.size - open < maxSettling)) {
        return;
      }
      await settle([...shards].find(({ isClosed }) => isClosed)!);
    }
  }

  async function withChain<T>(key: string, origin: Origin, use: (chain: Chain) => Promise<T>): Promise<T> {
    const { folder, extension } = splitKey(key);
    const line = lineOf(origin);
    const id = `${folder}/${line}.${extension}`;
    const chain = chains.get(id) ?? {
      ...{ id, folder, extension, line, open: undefined, last: undefined },
      ...{ known: new Map<number, Known>(), knownFrom: Number.POSITIVE_INFINITY, position: 0, users: 0 },
    };
    chains.set(id, chain);
    chain.users += 1;
    try {
      return await use(chain);
    } finally {
      chain.users -= 1;
      tidy(chain);
    }
  }

  /** Reads what durable shards hold from an offset on, its own first made durable. */
  async function learnAll(chain: Chain, from: number): Promise<void> {
    if (chain.last !== undefined) {
      close(chain.last);
      await settle(chain.last);
    }
    chain.known.clear();
    const keys: { key: string; first: number }[] = [];
    for await (const { key } of inner.list(`${chain.folder}/${chain.line}-`)) {
      const shard = parseShardKey(key, container.extension);
      if (shard?.line === chain.line && shard.extension === chain.extension) {
        keys.push({ key, first: shard.first });
      }
    }
    for (const { key } of keys.toSorted((one, other) => other.first - one.first)) {
      // Those before it end before it.
      if (!(await learn(chain, key, from))) {
        break;
      }
    }
    chain.knownFrom = from;
    chain.position = 0;
  }

  /** @returns whether a shard holds anything from an offset on */
  async function learn(chain: Chain, key: string, from: number): Promise<boolean> {
    const found = await inner.find(key);
    if (found === undefined) {
      return true;
    }
    try {
      if ((await container.lastOffset(found.content)) < from) {
        return false;
      }
      // Whoever put it there may have been killed before it was durable.
      await found.durable();
      for await (const { sample, content } of container.read(found.content)) {
        if (sample.offset >= from) {
          chain.known.set(sample.offset, { id: sample.id, sha256: sample.sha256, content });
        }
      }
      return true;
    } catch (error) {
      if (isOfStore(inner, error)) {
        throw error;
      }
      throw notAShard(key, (error as Error).message, error);
    }
  }

  function notAShard(key: string, reason: string, cause?: unknown): StorageError {
    return new StorageError(
      'NOT_A_SHARD',
      `${key} in ${inner.location} is not a shard of this program: ${reason}; move it away`,
      { cause },
    );
  }

  /** Forgets a chain of which nothing is needed any more. */
  function tidy(chain: Chain): void {
    const isComingAgain = chain.known.size > 0 && Number.isFinite(chain.knownFrom);
    if (chain.users === 0 && chain.last === undefined && !isComingAgain) {
      chains.delete(chain.id);
    }
  }

  function assertSame(chain: Chain, { id, offset }: Pick<Entry, 'id' | 'offset'>, known: Known): void {
    if (known.id !== id) {
      throw new StorageError(
        'CONFLICT',
        `a shard of ${chain.folder} in ${inner.location} holds another image as ${sampleName(chain.line, offset)}; the first one stays`,
      );
    }
  }

  return {
    ...reader,
    put(key, content, mode, about) {
      if (mode === 'replace' || about?.image === undefined || about.origin === undefined) {
        throw new TypeError('in a shard nothing is replaced, and there is nothing but images of records');
      }
      return put(key, content, about as ImageAbout);
    },
    async find(key, of) {
      if (of?.sha256 === undefined) {
        return reader.find(key, of);
      }
      const { origin, sha256 } = of;
      return withChain(key, origin, async (chain) => {
        if (Number(origin.offset) < chain.knownFrom) {
          await learnAll(chain, Number(origin.offset));
        }
        const same = [...chain.known.values()].find(
          (known) => known.sha256 === sha256 && key.endsWith(`/${safeName(known.id)}.${chain.extension}`),
        );
        return same && { content: same.content, sha256, durable: async () => {} };
      });
    },
    async flush() {
      closeAll();
      for (const chain of chains.values()) {
        // From now on others may write. What is known is still needed by shards that are on their way.
        chain.knownFrom = Number.POSITIVE_INFINITY;
        tidy(chain);
      }
      await Promise.allSettled([...shards].map(settle));
    },
    async close() {
      for (const { timer, file } of shards) {
        clearTimeout(timer);
        await file.close().catch(() => {});
      }
      await inner.close();
    },
  };
}
