import { describeRecord } from '@image-stream/image-io';
import type { TopicReader } from '@image-stream/kafka-config';
import { counted } from '@image-stream/program';
import type { Limits } from '@image-stream/codec';
import { itemOf } from './items.ts';
import type { Item, Part, TopicName } from './messages.ts';
import { Refusal } from './refusal.ts';

/** How many records of a part are shown at once. */
const partSize = 36;

/** Where to look: from a time on, or from offsets on, by partition. */
export type Place = { readonly time: Date } | { readonly positions: ReadonlyMap<number | 'all', bigint> };

/** What `part` needs. */
export interface PartOptions {
  readonly topic: TopicName;
  readonly kafkaTopic: string;
  readonly reader: Pick<TopicReader, 'offsets' | 'offsetsAt' | 'range'>;
  readonly limits: Limits;
}

/** The records from a place on, in the order of their timestamps. */
export async function readPart(place: Place, options: PartOptions): Promise<Part> {
  const { topic, reader, limits } = options;
  const bounds = await reader.offsets();
  const starts = await startsOf(place, bounds, options);
  const items: Item[] = [];
  for (const [partition, start] of starts) {
    const { high } = bounds.get(partition)!;
    const end = start + BigInt(partSize) < high ? start + BigInt(partSize) : high;
    for await (const record of reader.range(partition, start, end)) {
      const { description } = await describeRecord(record, limits);
      // Of an image in chunks, the first one stands for all.
      if ((description.chunk?.index ?? 0) === 0 && description.tombstone !== true) {
        items.push(itemOf(topic, description));
      }
    }
  }
  const first = items.toSorted((a, b) => a.timestamp - b.timestamp).slice(0, partSize);
  return { items: first, next: nextOf(starts, first, items, bounds) };
}

type Bounds = Awaited<ReturnType<TopicReader['offsets']>>;

async function startsOf(
  place: Place,
  bounds: Bounds,
  { reader, kafkaTopic }: PartOptions,
): Promise<Map<number, bigint>> {
  if ('time' in place) {
    const found = await reader.offsetsAt(place.time);
    return new Map([...bounds].map(([partition, { high }]) => [partition, found.get(partition) ?? high]));
  }
  const { positions } = place;
  const absent = [...positions.keys()].find((one) => one !== 'all' && !bounds.has(one));
  if (absent !== undefined) {
    throw new Refusal(400, `topic ${kafkaTopic} has ${counted(bounds.size, 'partition')}, and no ${absent}`);
  }
  const wanted = [...bounds].flatMap(([partition, { low, high }]) => {
    const offset = positions.get(partition) ?? positions.get('all');
    return offset === undefined ? [] : ([[partition, clamped(offset, low, high)]] as const);
  });
  return new Map(wanted);
}

function clamped(offset: bigint, low: bigint, high: bigint): bigint {
  return offset < low ? low : offset > high ? high : offset;
}

/** After the last item that is shown of a partition; where none is, after what was read in vain. */
function nextOf(
  starts: ReadonlyMap<number, bigint>,
  shown: readonly Item[],
  read: readonly Item[],
  bounds: Bounds,
): Record<string, string> {
  const next = [...starts].map(([partition, start]) => {
    const own = shown.filter((item) => item.partition === partition);
    const hasMore = read.some((item) => item.partition === partition && !shown.includes(item));
    const { high } = bounds.get(partition)!;
    const end = start + BigInt(partSize) < high ? start + BigInt(partSize) : high;
    const after = own.reduce(
      (last, { offset }) => (BigInt(offset) >= last ? BigInt(offset) + 1n : last),
      start,
    );
    return [String(partition), String(hasMore ? after : end)] as const;
  });
  return Object.fromEntries(next);
}
