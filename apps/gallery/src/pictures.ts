import {
  byteSource,
  decodePayload,
  decodeRecord,
  encodeNpy,
  extensionOf,
  isChunk,
  isPixelArray,
  npyMediaType,
  resolveLimits,
  mediaTypeBytes,
  sniffMediaType,
} from '@image-stream/codec';
import type { ByteSource, Chunk, DecodedImage, HeaderValue, Limits } from '@image-stream/codec';
import { chunkKey } from '@image-stream/codec';
import { describeRecord, inspectImage, pieces, previewOf, thumbnailOf } from '@image-stream/image-io';
import type { RecordDescription } from '@image-stream/image-io';
import type { TopicReader, TopicRecord } from '@image-stream/kafka-client';
import { counted } from '@image-stream/program';
import { imageKey, safeName } from '@image-stream/storage';
import type { KeyRule, SinkReader } from '@image-stream/storage';
import { itemOf, short } from './items.ts';
import type { Details, TopicName } from './messages.ts';
import { Refusal } from './refusal.ts';
import type { Room } from './room.ts';

type Content = DecodedImage['content'];

/** A picture, or its file, for a browser. */
export interface Served {
  readonly mediaType: string;
  readonly bytes: AsyncIterable<Uint8Array> | Uint8Array;
  /** Undefined where it is not known before the end. */
  readonly size: number | undefined;
  readonly filename: string;
  /** Gives back the room that it takes; to be called when it is sent, or not wanted. */
  readonly release: () => void;
}

/** Which record. */
export interface RecordAddress {
  readonly partition: number;
  readonly offset: bigint;
  /** Of the topic that it was seen in; undefined: of the one that is there. */
  readonly topicId: string | undefined;
}

/** The pictures of a topic, read from it when they are asked for, until `signal` is aborted. */
export interface Pictures {
  /** Each throws a Refusal where there is no such record, or no such thing of it. */
  details(address: RecordAddress, signal: AbortSignal): Promise<Details>;
  thumbnail(address: RecordAddress, signal: AbortSignal): Promise<Uint8Array>;
  /** What a browser shows: as it came, or as PNG where browsers do not know it. */
  image(address: RecordAddress, signal: AbortSignal): Promise<Served>;
  /** The same as PNG, with the darkest of its values black and the brightest white. */
  stretched(address: RecordAddress, signal: AbortSignal): Promise<Served>;
  /** As it came; of pixels, a NumPy file. */
  original(address: RecordAddress, signal: AbortSignal): Promise<Served>;
  /** The record itself, as JSON with its bytes in base64: docs/wire-format.md. */
  record(address: RecordAddress, signal: AbortSignal): Promise<Served>;
  /** The consumer's file. */
  file(address: RecordAddress, signal: AbortSignal): Promise<Served>;
}

export interface PicturesOptions {
  readonly topic: TopicName;
  /** Its name in Kafka. */
  readonly kafkaTopic: string;
  readonly reader: Pick<TopicReader, 'offsets' | 'at' | 'range'>;
  /** Where the consumer saves, and under which keys. */
  readonly saved: Pick<SinkReader, 'find'>;
  readonly keyRule: KeyRule;
  readonly limits: Limits;
  readonly room: Room;
}

/** Pixels a side: sharp on screens of twice the resolution. */
export const thumbnailSide = 440;

/** Of an image that came in chunks: more is not put together in memory. */
const maxAssembledBytes = 64 * 1024 ** 2;

/** Chunks of several images may be mixed; how many records there may be for each one that is looked for. */
const spread = 16n;
const margin = 256n;

/** How many chunks of one are in memory while it is sent: one that is read, one that waits, one on its way. */
const chunksAhead = 3;

/** As many bytes of a file are in memory while it is sent. */
const pieceBytes = 4 * 1024 ** 2;

const shownByBrowsers = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/avif', 'image/gif']);

/** Of a header. */
const maxShownBytes = 4096;

export function createPictures({
  topic,
  kafkaTopic,
  reader,
  saved,
  keyRule,
  limits,
  room,
}: PicturesOptions): Pictures {
  /** What takes room while it is made of a record and sent; the turn to read ends with it. */
  async function withRecord<T>(
    { partition, offset, topicId }: RecordAddress,
    signal: AbortSignal,
    use: (record: TopicRecord) => Promise<T>,
  ): Promise<T> {
    const endTurn = await room.turn(signal);
    try {
      const record = await reader.at(partition, offset);
      signal.throwIfAborted();
      if (record === undefined) {
        throw new Refusal(404, `there is no record at ${partition}@${offset}`);
      }
      if (topicId !== undefined && record.topicId !== topicId) {
        throw new Refusal(
          410,
          `topic ${kafkaTopic} was deleted and recreated, and its record at ${partition}@${offset} is another one`,
        );
      }
      return await use(record);
    } finally {
      endTurn();
    }
  }

  /** Holds the room for bytes, unless `use` fails. */
  async function holding<T>(
    bytes: number,
    signal: AbortSignal,
    use: (release: () => void) => Promise<T>,
  ): Promise<T> {
    const release = await room.bytes(bytes, signal);
    try {
      return await use(release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The image of a record, which may travel in others too. `use` gives the room back. */
  async function withContent<T>(
    record: TopicRecord,
    signal: AbortSignal,
    use: (content: Content, description: RecordDescription, release: () => void) => Promise<T>,
  ): Promise<T> {
    const { description, content } = await describeRecord(record, limits);
    if (description.problem !== undefined) {
      throw new Refusal(422, description.problem);
    }
    if (content !== undefined) {
      return holding(memoryOf(content), signal, (release) => use(content, description, release));
    }
    const chunk = await chunkOf(record);
    if (chunk.size > maxAssembledBytes) {
      throw new Refusal(
        422,
        `the image of ${chunk.size} bytes in ${counted(chunk.count, 'chunk')} is too large for a preview; download it, or look at the consumer's file`,
      );
    }
    // The chunks, and all of them together.
    return holding(2 * chunk.size, signal, async (release) =>
      use(await assembled(record, chunk), description, release),
    );
  }

  /** The image that a record carries a chunk of. */
  async function assembled(record: TopicRecord, chunk: Chunk): Promise<Content> {
    const received: Uint8Array[] = [];
    for await (const bytes of payloadOf(record, chunk)) {
      received.push(bytes);
    }
    const content = await decodePayload(
      Buffer.concat(received),
      chunk.contentEncoding,
      resolveLimits(limits),
    );
    if (!isPixelArray(content)) {
      await inspectImage(byteSource(content.bytes), limits);
    }
    return content;
  }

  async function chunkOf(record: TopicRecord): Promise<Chunk> {
    const decoded = await decodeRecord(record, limits);
    if (decoded.kind !== 'chunk') {
      throw new Refusal(422, 'the record is no chunk of an image');
    }
    return decoded.chunk;
  }

  /** The bytes of an image's chunks in their order, one in memory at a time; it has to look for them first. */
  async function* payloadOf(
    record: TopicRecord,
    { index, count, ...chunk }: Chunk,
  ): AsyncGenerator<Uint8Array> {
    const { partition } = record;
    const key = chunkKey({ index, count, ...chunk });
    const offset = BigInt(record.offset);
    const from = offset - BigInt(index) * spread - margin;
    const to = offset + BigInt(count - index) * spread + margin;
    const bounds = (await reader.offsets()).get(partition)!;
    const places = new Map<number, bigint>();
    const end = to < bounds.high ? to : bounds.high;
    for await (const other of reader.range(partition, from > bounds.low ? from : bounds.low, end)) {
      const one = isChunk(other) ? await chunkOf(other).catch(() => undefined) : undefined;
      if (one !== undefined && chunkKey(one) === key) {
        places.set(one.index, BigInt(other.offset));
      }
      if (places.size === count) {
        break;
      }
    }
    if (places.size < count) {
      throw new Refusal(
        422,
        `only ${places.size} of the ${counted(count, 'chunk')} of the image are in the topic`,
      );
    }
    for (let next = 0; next < count; next += 1) {
      const chunkRecord = await reader.at(partition, places.get(next)!);
      if (chunkRecord === undefined) {
        throw new Refusal(422, `chunk ${next} of the image has just been removed from the topic`);
      }
      yield (await chunkOf(chunkRecord)).bytes;
    }
  }

  /** Its path follows from the record, and never from what a browser asks for. */
  async function fileOf(
    {
      id,
      customerId,
      createdAt,
      type,
    }: {
      readonly id?: string;
      readonly customerId?: string;
      readonly createdAt?: string;
      readonly type?: string;
    },
    place: { readonly partition: number; readonly offset: bigint },
  ): Promise<{ path?: string; source?: ByteSource; name?: string }> {
    const origin = { topic: kafkaTopic, partition: place.partition, offset: String(place.offset) };
    if (id === undefined || customerId === undefined || createdAt === undefined || type === undefined) {
      return {};
    }
    // What is no type of image files are pixels.
    const mediaType = extensionOf(type) === undefined ? npyMediaType : type;
    // The consumer saves as npy what no PNG holds.
    const rules = mediaType === npyMediaType ? [keyRule, { ...keyRule, saveAs: 'npy' } as const] : [keyRule];
    for (const rule of rules) {
      const path = imageKey({ id, customerId, createdAt: new Date(createdAt) }, mediaType, rule);
      const found = await saved.find(path, { origin }).catch(() => undefined);
      if (found !== undefined) {
        return { path: found.shard ?? path, source: found.content, name: path.split('/').at(-1)! };
      }
    }
    return {};
  }

  return {
    details: (address, signal) =>
      withRecord(address, signal, async (record) => {
        const { description } = await describeRecord(record, limits);
        const { path, source } = await fileOf(description, address);
        return {
          item: itemOf(topic, record, description),
          key: record.key === null ? null : shown(record.key),
          headers: Object.entries(record.headers ?? {}).flatMap(([name, values]) =>
            [values].flat().map((value) => [short(name), shown(value ?? null)] as const),
          ),
          file: path === undefined ? null : { path, bytes: source!.size },
        };
      }),
    thumbnail: (address, signal) =>
      withRecord(address, signal, (record) =>
        withContent(record, signal, async (content, _description, release) => {
          const { bytes } = await thumbnailOf(content, thumbnailSide, limits);
          release();
          return bytes;
        }),
      ),
    image: (address, signal) =>
      withRecord(address, signal, (record) =>
        withContent(record, signal, async (content, description, release) => {
          const isShown = !isPixelArray(content) && shownByBrowsers.has(content.mediaType);
          return served(description, isShown ? content : await previewOf(content, limits), release);
        }),
      ),
    stretched: (address, signal) =>
      withRecord(address, signal, (record) =>
        withContent(record, signal, async (content, description, release) =>
          served(description, await previewOf(content, { ...limits, stretch: true }), release),
        ),
      ),
    original: (address, signal) =>
      withRecord(address, signal, async (record) => {
        const { description, content } = await describeRecord(record, limits);
        if (description.problem !== undefined) {
          throw new Refusal(422, description.problem);
        }
        if (content !== undefined) {
          return holding(memoryOf(content), signal, async (release) =>
            served(
              description,
              isPixelArray(content) ? { mediaType: npyMediaType, bytes: encodeNpy(content) } : content,
              release,
            ),
          );
        }
        const chunk = await chunkOf(record);
        return holding(chunksAhead * chunk.bytes.length, signal, async (release) => ({
          ...(await begun(payloadOf(record, chunk), chunk)),
          size: chunk.size,
          release,
        }));
      }),
    record: (address, signal) =>
      withRecord(address, signal, (record) =>
        // Its value, once more in base64, and that as bytes.
        holding(4 * (record.value?.length ?? 0), signal, async (release) => ({
          ...recordJson(record),
          release,
        })),
      ),
    file: (address, signal) =>
      withRecord(address, signal, async (record) => {
        const { partition, offset } = address;
        const { description } = await describeRecord(record, limits);
        const { name, source } = await fileOf(description, address);
        if (name === undefined || source === undefined) {
          throw new Refusal(404, `there is no file of the consumer of the record at ${partition}@${offset}`);
        }
        return holding(pieceBytes, signal, async (release) => {
          const mediaType = sniffMediaType(await source.read(0, Math.min(mediaTypeBytes, source.size)));
          return {
            mediaType: mediaType ?? 'application/octet-stream',
            bytes: pieces(source),
            size: source.size,
            filename: name,
            release,
          };
        });
      }),
  };
}

/** What an image keeps in memory: also what came with it, and once more where it has to be made into something else. */
function memoryOf(content: Content): number {
  const { buffer } = isPixelArray(content) ? content.data : content.bytes;
  return isPixelArray(content) ? 2 * buffer.byteLength : buffer.byteLength;
}

function served(
  { id = 'image' }: { readonly id?: string },
  { mediaType, bytes }: { readonly mediaType: string; readonly bytes: Uint8Array },
  release: () => void,
): Served {
  return {
    mediaType,
    bytes,
    size: bytes.length,
    filename: `${safeName(id)}.${extensionOf(mediaType) ?? 'bin'}`,
    release,
  };
}

/** A stream whose first piece is there, so that it is known what it is, and that it can be had at all. */
async function begun(
  payload: AsyncGenerator<Uint8Array>,
  { id, contentEncoding }: Chunk,
): Promise<Omit<Served, 'size' | 'release'>> {
  const first = await payload.next();
  const bytes = first.done === true ? new Uint8Array() : first.value;
  const mediaType = contentEncoding === undefined ? sniffMediaType(bytes) : undefined;
  return {
    mediaType: mediaType ?? 'application/octet-stream',
    filename: `${safeName(id)}.${extensionOf(mediaType ?? '') ?? 'bin'}`,
    bytes: (async function* all() {
      yield bytes;
      yield* payload;
    })(),
  };
}

/** All of a record, with nothing lost of what its bytes are. */
function recordJson({
  topic,
  partition,
  offset,
  timestamp,
  key,
  headers,
  value,
}: TopicRecord): Omit<Served, 'release'> {
  const base64 = (bytes: HeaderValue): string | null =>
    bytes === null ? null : Buffer.from(bytes as Uint8Array).toString('base64');
  const all = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().map((one) => [name, base64(one ?? null)]),
  );
  const place = { topic, partition, offset, timestamp: Number(timestamp) };
  const bytes = Buffer.from(
    `${JSON.stringify({ ...place, key: base64(key), headers: all, value: base64(value) })}\n`,
  );
  const filename = `${safeName(topic)}-${partition}-${offset}.json`;
  return { mediaType: 'application/json', bytes, size: bytes.length, filename };
}

/** Bytes of strangers as text: as UTF-8, or else as hex. */
function shown(value: Uint8Array | string | null): string {
  if (value === null) {
    return 'null';
  }
  const bytes = Buffer.from(value as Uint8Array);
  const head = bytes.subarray(0, maxShownBytes);
  try {
    return short(new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true }));
  } catch {
    return short(`0x${head.toString('hex')}`);
  }
}
