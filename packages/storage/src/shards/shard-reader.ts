import { sha256Of } from '@image-stream/image-io';
import { safeName } from '../image-key.ts';
import type { Found, Kept, SinkReader } from '../sink.ts';
import { systemErrorName } from '../system-errors.ts';
import type { Container } from './container.ts';
import { parseShardKey, topicName } from './sample.ts';
import type { Origin, ShardKey } from './sample.ts';

/** The images in shards, under the keys that they would have as files, each at a place of its own. */
export function shardReader(inner: SinkReader, container: Container): SinkReader {
  /** What is no shard counts as what it is: something that nobody has put there. */
  async function* imagesIn(key: string, { folder, extension }: ShardKey, found: Found): AsyncGenerator<Kept> {
    try {
      for await (const { sample, place, content } of container.read(found.content)) {
        const sha256 = await sha256Of(content);
        yield {
          key: `${folder}/${safeName(sample.id)}.${extension}`,
          place: `${key}#${place}`,
          ...{ sha256, size: content.size },
        };
      }
    } catch (error) {
      if (isOfStore(inner, error)) {
        throw error;
      }
      yield { key, problem: (error as Error).message };
    }
  }

  /** The image of a record, by its id: in chunks, it became whole with a later record. */
  async function findOf(
    key: string,
    { topic, partition, offset }: Pick<Origin, 'topic' | 'partition' | 'offset'>,
  ): Promise<Found | undefined> {
    const { folder, name, extension } = splitKey(key);
    const shards: { readonly key: string; readonly first: number }[] = [];
    for await (const kept of inner.list(`${folder}/${topicName(topic)}-`)) {
      const shard = parseShardKey(kept.key, container.extension);
      if (shard?.extension === extension && shard.line.endsWith(`-${partition}`)) {
        shards.push({ key: kept.key, first: shard.first });
      }
    }
    const sorted = shards.toSorted((one, other) => one.first - other.first);
    const begun = Math.max(
      0,
      sorted.findLastIndex(({ first }) => first <= Number(offset)),
    );
    for (const shard of sorted.slice(begun, begun + 2)) {
      const found = await inner.find(shard.key);
      for await (const { sample, content } of found === undefined ? [] : container.read(found.content)) {
        if (sample.offset >= Number(offset) && safeName(sample.id) === name) {
          return { ...found!, content, shard: shard.key };
        }
      }
    }
    return undefined;
  }

  return {
    ...inner,
    async find(where, of) {
      if (of !== undefined) {
        return findOf(where, of.origin);
      }
      const [key = '', place] = where.split('#');
      const shard = place === undefined ? undefined : await inner.find(key);
      return shard && { ...shard, content: await container.open(shard.content, place!) };
    },
    async *list() {
      for await (const kept of inner.list()) {
        const shard = parseShardKey(kept.key, container.extension);
        const found = shard && (await inner.find(kept.key));
        if (shard === undefined || found === undefined) {
          yield kept;
        } else {
          yield* imagesIn(kept.key, shard, found);
        }
      }
    },
  };
}

/** Whether an error is about what keeps the shards, and not about what is in one. */
export function isOfStore(inner: Pick<SinkReader, 'classify'>, error: unknown): boolean {
  return inner.classify(error) !== undefined || systemErrorName(error) !== undefined;
}

/** The parts of an image's key. */
export function splitKey(key: string): {
  readonly folder: string;
  readonly name: string;
  readonly extension: string;
} {
  const slash = key.lastIndexOf('/');
  const dot = key.lastIndexOf('.');
  return { folder: key.slice(0, slash), name: key.slice(slash + 1, dot), extension: key.slice(dot + 1) };
}
