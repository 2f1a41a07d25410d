import { deadLetterReason, lastHeaderValue } from '@image-stream/codec';
import type { Limits } from '@image-stream/codec';
import { describeRecord } from '@image-stream/image-io';
import type { Bounds, TopicReader, TopicRecord } from '@image-stream/kafka-client';
import { counted } from '@image-stream/program';
import { itemOf } from './items.ts';
import type { Item, Part, Positions, TopicName } from './messages.ts';
import { Refusal } from './refusal.ts';

/**
 * Where to look. Of partitions that `offsets` does not name, the place is where the first record that it does name was sent; so one
 * record is a place.
 */
export type Place =
  | 'end'
  | { readonly time: Date }
  | { readonly offsets: ReadonlyMap<number | 'all', bigint> };

/** Which records are wanted. */
interface Filter {
  /** Contained in the customer's id, in any case. */
  readonly customer?: string | undefined;
  /** The same of the image's id, or of its file's name. */
  readonly id?: string | undefined;
  /** The class of the error of a dead letter. */
  readonly reason?: string | undefined;
}

/** What is asked for. */
export interface WantedPart {
  readonly place: Place;
  readonly direction: 'older' | 'newer';
  readonly filter: Filter;
}

/** What `readPart` needs. */
export interface PartOptions {
  readonly topic: TopicName;
  readonly kafkaTopic: string;
  readonly reader: Pick<TopicReader, 'offsets' | 'offsetsAt' | 'range'>;
  readonly limits: Limits;
}

/** How many items a part has at most. */
const partSize = 36;

/** What is looked at for one part: a search goes on from there with the next one. */
const maxMs = 2500;
const maxBytes = 64 * 1024 ** 2;

/** Records of a partition that are read at once: few at first, and more where they are small, and not among those that are wanted. */
const firstBlock = 8n;
const maxBlock = 512n;
const maxBlockBytes = 8 * 1024 ** 2;

/** What was read of a partition, and is not in the part yet, in the order of reading. */
interface Side {
  readonly partition: number;
  /** Where the next block begins; what is older is read from there down. */
  position: bigint;
  readonly last: bigint;
  block: bigint;
  /** Whether it has got on. */
  hasMoved: boolean;
  readonly read: Item[];
}

/**
 * The items on one side of a place. Of each partition they come in the order of its offsets, and of several partitions the one whose
 * next item is nearest in time goes first: so none is left out, whatever the clocks of the producers say.
 */
export async function readPart(
  { place, direction, filter }: WantedPart,
  options: PartOptions,
  signal: AbortSignal,
): Promise<Part> {
  const { topic, reader, limits } = options;
  const isOlder = direction === 'older';
  const bounds = await reader.offsets();
  const starts = await positionsOf(place, bounds, options);
  const sides = [...bounds].map(([partition, { low, high }]): Side => {
    const last = isOlder ? low : high;
    return {
      partition,
      position: starts.get(partition)!,
      last,
      block: firstBlock,
      hasMoved: false,
      read: [],
    };
  });
  const until = performance.now() + maxMs;
  const items: Item[] = [];
  let [looked, bytes] = [0, 0];
  let lookedTo: number | null = null;

  /** Reads on until there is an item, or nothing more. @returns whether it is known which item is next */
  async function fill(side: Side): Promise<boolean> {
    while (side.read.length === 0 && side.position !== side.last) {
      if (side.hasMoved && (performance.now() > until || bytes > maxBytes)) {
        return false;
      }
      await readBlock(side);
    }
    return true;
  }

  async function readBlock(side: Side): Promise<void> {
    const { partition, position } = side;
    const end = isOlder ? max(side.last, position - side.block) : min(side.last, position + side.block);
    const [from, to] = isOlder ? [end, position] : [position, end];
    const found: Item[] = [];
    let [count, ownBytes] = [0n, 0];
    let farthest: number | undefined;
    for await (const record of reader.range(partition, from, to)) {
      signal.throwIfAborted();
      const offset = BigInt(record.offset);
      // Where the topic has just been made anew, it is read from its beginning.
      if (offset < from) {
        continue;
      }
      count += 1n;
      ownBytes += record.value?.length ?? 0;
      bytes += record.value?.length ?? 0;
      farthest = isOlder ? (farthest ?? Number(record.timestamp)) : Number(record.timestamp);
      found.push(...(await itemsOf(record)));
      if (ownBytes > maxBlockBytes && offset + 1n < to) {
        // They are larger than those before: of so many, fewer are read at once.
        side.block = count;
        return;
      }
    }
    looked += Number(count);
    lookedTo = farthest ?? lookedTo;
    side.read.push(...(isOlder ? found.toReversed() : found));
    side.position = end;
    side.hasMoved = true;
    side.block = min(maxBlock, 2n * side.block);
  }

  async function itemsOf(record: TopicRecord): Promise<Item[]> {
    if (isOther(record, filter)) {
      return [];
    }
    const { description } = await describeRecord(record, limits);
    const item = itemOf(topic, record, description);
    const { chunk, tombstone } = description;
    // Of an image in chunks, the first one stands for all; whether all are there is seen when it is looked at.
    const isWanted = tombstone !== true && (chunk?.index ?? 0) === 0 && isMatch(item, filter);
    return isWanted
      ? [chunk === undefined ? item : { ...item, chunks: { ...chunk, have: chunk.count } }]
      : [];
  }

  while (items.length < partSize) {
    let areKnown = true;
    for (const side of sides) {
      areKnown = (await fill(side)) && areKnown;
    }
    const next = sides
      .filter(({ read }) => read.length > 0)
      .toSorted((one, other) => {
        const ms = one.read[0]!.timestamp - other.read[0]!.timestamp;
        return isOlder ? -ms : ms;
      })[0];
    if (next === undefined || !areKnown) {
      break;
    }
    items.push(next.read.shift()!);
  }
  const reached = positions(
    sides.map(({ partition, position, read: [first] }) => {
      const offset = first && (isOlder ? BigInt(first.offset) + 1n : BigInt(first.offset));
      return [partition, offset ?? position] as const;
    }),
  );
  const started = positions([...starts]);
  return {
    items: isOlder ? items : items.toReversed(),
    older: isOlder ? reached : started,
    newer: isOlder ? started : reached,
    isEnd: sides.every(({ position, last, read }) => position === last && read.length === 0),
    removed: Number([...bounds.values()].reduce((sum, { low }) => sum + low, 0n)),
    looked,
    lookedTo,
  };
}

async function positionsOf(
  place: Place,
  bounds: ReadonlyMap<number, Bounds>,
  options: Pick<PartOptions, 'reader' | 'kafkaTopic'>,
): Promise<Map<number, bigint>> {
  const { reader, kafkaTopic } = options;
  const ends = [...bounds].map(([partition, { high }]) => [partition, high] as const);
  if (place === 'end') {
    return new Map(ends);
  }
  if ('time' in place) {
    const found = await reader.offsetsAt(place.time);
    return new Map(ends.map(([partition, high]) => [partition, found.get(partition) ?? high]));
  }
  const { offsets } = place;
  const absent = [...offsets.keys()].find((one) => one !== 'all' && !bounds.has(one));
  if (absent !== undefined) {
    throw new Refusal(400, `topic ${kafkaTopic} has ${counted(bounds.size, 'partition')}, and no ${absent}`);
  }
  const named = new Map(
    [...bounds].flatMap(([partition, { low, high }]) => {
      const offset = offsets.get(partition) ?? offsets.get('all');
      return offset === undefined ? [] : ([[partition, min(max(offset, low), high)]] as const);
    }),
  );
  if (named.size === bounds.size) {
    return named;
  }
  const [first] = named;
  const time = first && (await timeOf(reader, first, bounds.get(first[0])!.high));
  const others = await positionsOf(time === undefined ? 'end' : { time }, bounds, options);
  return new Map([...others, ...named]);
}

/** When the first record from a place on was sent; undefined where there is none. */
async function timeOf(
  reader: Pick<TopicReader, 'range'>,
  [partition, offset]: readonly [partition: number, offset: bigint],
  high: bigint,
): Promise<Date | undefined> {
  for await (const { timestamp } of reader.range(partition, offset, high)) {
    return new Date(Math.max(0, Number(timestamp)));
  }
  return undefined;
}

/** Whether a record's headers are enough to see that it is not wanted: what is in it need not be looked at. */
function isOther(record: TopicRecord, filter: Filter): boolean {
  const text = (name: string): string | undefined => lastHeaderValue(record.headers, name)?.toString();
  if (filter.reason !== undefined && deadLetterReason(record)?.errorClass !== filter.reason) {
    return true;
  }
  if (text('ce_specversion') === undefined) {
    return false;
  }
  const claimed = {
    customerId: text('ce_customerid'),
    id: text('ce_imageid') ?? text('ce_id'),
    filename: text('ce_filename'),
  };
  return claimed.customerId !== undefined && claimed.id !== undefined && !isMatch(claimed, filter);
}

function isMatch(
  {
    customerId = '',
    id = '',
    filename = '',
  }: { readonly [Name in 'customerId' | 'id' | 'filename']?: string | undefined },
  filter: Filter,
): boolean {
  const { customer = '', id: wanted = '' } = filter;
  const has = (text: string, part: string): boolean => text.toLowerCase().includes(part.toLowerCase());
  return has(customerId, customer) && (has(id, wanted) || has(filename, wanted));
}

function positions(offsets: readonly (readonly [partition: number, offset: bigint])[]): Positions {
  return Object.fromEntries(offsets.map(([partition, offset]) => [partition, String(offset)]));
}

function min(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
