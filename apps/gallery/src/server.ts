import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { unlessAborted } from '@image-stream/kafka-client';
import type { Logger } from '@image-stream/program';
import { admit } from './front.ts';
import type { Asked, FrontOptions } from './front.ts';
import type { Part, TopicName } from './messages.ts';
import type { Place, WantedPart } from './part.ts';
import type { RecordAddress, Served } from './pictures.ts';
import { Refusal, refusalOf } from './refusal.ts';
import type { Shown } from './watched-topic.ts';
import { thumbnailKey } from './thumbnails.ts';
import type { Topic } from './topic.ts';
import type { Topics } from './topics.ts';

export interface ServerOptions {
  /** Who may ask. */
  readonly front: FrontOptions;
  /** The folder of the page's files. */
  readonly page: URL;
  readonly topics: Topics;
  /** Told of a request that is not granted. */
  readonly refused: (status: number) => void;
  readonly logger: Pick<Logger, 'debug' | 'error'>;
}

/** Until Kafka has answered, and there is room for what it answered. */
const answerMs = 8000;

/** What making a thumbnail takes, roughly. */
const workBytes = 16 * 1024 ** 2;

/** A reader that takes nothing is dropped after once or twice as long: Node first looks whether it took some of what waits. */
const idleMs = 5000;

/** And one that takes less than so much, after half a minute. */
const leastBytesPerMs = 50;
const graceMs = 30_000;

/** Nothing from elsewhere, nothing inline, and no text becomes markup. */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Thumbnails come with the events, and a picture after its reason was looked at if there is none.
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** For bytes of strangers: whatever they are, they do nothing. */
const picturePolicy = "default-src 'none'; sandbox; frame-ancestors 'none'";

const everywhere = {
  'content-security-policy': pagePolicy,
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const pageFiles: Record<string, readonly [file: string, mediaType: string]> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/main.js': ['main.js', 'text/javascript; charset=utf-8'],
  '/style.css': ['style.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
};

/** What can be had of one record. */
type Aspect = 'details' | 'thumbnail' | 'image' | 'stretched' | 'original' | 'record' | 'file';

/** The address of a record: `/images/0/1234/thumbnail`; all have `?topic=`, which is the first one unless it is said. */
const recordPath =
  /^\/(images|dead-letters)\/(\d{1,9})\/(\d{1,18})\/(details|thumbnail|image|stretched|original|record|file)$/;

/** Of a topic that does not exist yet. */
const noPart: Part = {
  items: [],
  older: {},
  newer: {},
  isEnd: true,
  removed: 0,
  looked: 0,
  lookedTo: null,
};
const partPath = /^\/(images|dead-letters)$/;

function isOfTopic(path: string): boolean {
  return path === '/events' || recordPath.test(path) || partPath.test(path);
}

/** A server for pages. It changes nothing, whatever is asked. */
export function createGalleryServer(options: ServerOptions): Server {
  const { front, page, topics, refused, logger } = options;

  return createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    for (const [name, value] of Object.entries(everywhere)) {
      response.setHeader(name, value);
    }
    answer(request, response).catch((error: unknown) => {
      if (response.closed || response.headersSent) {
        // What was sent is not all; only a broken connection says so.
        response.destroy();
        return;
      }
      const refusal = refusalOf(error);
      if (refusal.status === 500) {
        logger.error({ error }, `${request.url} was not answered`);
      } else if (refusal !== error) {
        logger.debug({ error }, `${request.url} was refused: ${refusal.message}`);
      }
      refused(refusal.status);
      refuse(response, refusal);
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = admit(request, response, front);
    if (asked === undefined) {
      return;
    }
    const { path, query } = asked;
    if (Object.hasOwn(pageFiles, path)) {
      const [file, mediaType] = pageFiles[path]!;
      send(response, mediaType, await readFile(new URL(file, page)));
    } else if (path === '/topics') {
      sendJson(response, { topics: topics.names });
    } else if (isOfTopic(path)) {
      await answerOf(topics.look(query.get('topic') ?? topics.names[0]!, response), asked, response);
    } else {
      throw new Refusal(404, `there is no ${path}`);
    }
  }

  async function answerOf(topic: Topic, { path, query }: Asked, response: ServerResponse): Promise<void> {
    if (path === '/events') {
      topic.live.open(response);
    } else if (recordPath.test(path)) {
      const [, name, partition, offset, aspect] = recordPath.exec(path)!;
      const shown = await inTime(() => topic.shown(name as TopicName), { response });
      const topicId = query.get('topic-id') ?? undefined;
      const address = { partition: Number(partition), offset: BigInt(offset!), topicId };
      await answerRecord(response, shown, address, aspect as Aspect);
    } else {
      const name = partPath.exec(path)![1] as TopicName;
      const wanted = wantedOf(query);
      const part = await inTime(async (signal) => (await topic.shown(name))?.part(wanted, signal), {
        response,
      });
      sendJson(response, part ?? noPart);
    }
  }

  async function answerRecord(
    response: ServerResponse,
    shown: Shown | undefined,
    address: RecordAddress,
    aspect: Aspect,
  ): Promise<void> {
    const { partition, offset, topicId } = address;
    if (shown === undefined) {
      throw new Refusal(404, `there is no record at ${partition}@${offset}`);
    }
    const { name, pictures, thumbnails } = shown;
    if (aspect === 'details') {
      const details = await inTime((signal) => pictures.details(address, signal), { response });
      sendJson(response, details);
    } else if (aspect === 'thumbnail') {
      const key = thumbnailKey(name, topicId, partition, offset);
      const make = (): Promise<Uint8Array> => inTime((signal) => pictures.thumbnail(address, signal), {});
      const bytes = await inTime((signal) => thumbnails.get(key, workBytes, make, signal), { response });
      response.setHeader('content-security-policy', picturePolicy);
      setCaching(response, address);
      send(response, 'image/webp', bytes);
    } else {
      const served = await inTime((signal) => pictures[aspect](address, signal), {
        response,
        drop: (late) => late.release(),
      });
      if (aspect === 'image' || aspect === 'stretched') {
        setCaching(response, address);
      }
      await sendServed(response, served, aspect);
    }
  }
}

/** A record never changes, but at its place there may be another one in a topic that was made anew. */
function setCaching(response: ServerResponse, { topicId }: RecordAddress): void {
  if (topicId !== undefined) {
    response.setHeader('cache-control', 'private, max-age=31536000, immutable');
  }
}

/**
 * What is made of Kafka's answers, in time and while somebody waits for it.
 *
 * @param asked.response of who waits. Default: it is for several
 * @param asked.drop is given what comes too late
 * @throws Refusal 504
 */
async function inTime<T>(
  make: (signal: AbortSignal) => Promise<T>,
  { response, drop = () => {} }: { readonly response?: ServerResponse; readonly drop?: (late: T) => void },
): Promise<T> {
  const late = new AbortController();
  const { signal } = late;
  const end = (): void => late.abort(new Refusal(504, 'Kafka has not answered in time; try again'));
  const timer = setTimeout(end, answerMs);
  response?.once('close', end);
  const making = make(signal);
  try {
    const made = await unlessAborted(signal, making);
    if (signal.aborted) {
      making.then(drop, () => {});
    }
    signal.throwIfAborted();
    return made!;
  } finally {
    clearTimeout(timer);
    response?.off('close', end);
  }
}

/** `?before=` a place, for what is older, or `?from=` it; with `customer`, `id` and `reason`. */
function wantedOf(query: URLSearchParams): WantedPart {
  const before = query.get('before');
  return {
    direction: before === null ? 'newer' : 'older',
    place: placeOf(before ?? query.get('from') ?? ''),
    filter: {
      customer: query.get('customer') ?? undefined,
      id: query.get('id') ?? undefined,
      reason: query.get('reason') ?? undefined,
    },
  };
}

/** A time in RFC 3339, `0@12,1@7` with offsets by partition, `all@12` for all of them, or `end`. */
function placeOf(text: string): Place {
  if (text === 'end') {
    return 'end';
  }
  const time = /^\d{4}-/.test(text) ? new Date(text) : new Date(Number.NaN);
  if (!Number.isNaN(time.getTime())) {
    return { time };
  }
  const named = text.split(',').map((one) => /^(all|\d{1,9})@(\d{1,18})$/.exec(one));
  if (named.includes(null)) {
    throw new Refusal(400, 'a place is a time, or partitions with their offsets, such as 0@12');
  }
  const offsets = named.map(
    (match) => [match![1] === 'all' ? 'all' : Number(match![1]), BigInt(match![2]!)] as const,
  );
  return { offsets: new Map(offsets) };
}

function sendJson(response: ServerResponse, body: unknown): void {
  send(response, 'application/json', Buffer.from(JSON.stringify(body)));
}

function send(response: ServerResponse, mediaType: string, bytes: Uint8Array): void {
  response.writeHead(200, { 'content-type': mediaType, 'content-length': bytes.length });
  response.end(bytes);
}

/** Sends it to a reader that reads; one that does not is dropped, and its room given back. */
async function sendServed(
  response: ServerResponse,
  { mediaType, bytes, size, filename, release }: Served,
  aspect: Aspect,
): Promise<void> {
  response.once('close', release);
  if (response.closed) {
    release();
    return;
  }
  response.setTimeout(idleMs, () => response.destroy());
  response.writeHead(200, {
    'content-type': mediaType,
    ...(size !== undefined && { 'content-length': size }),
    'content-disposition': `${aspect === 'image' || aspect === 'stretched' ? 'inline' : 'attachment'}; filename="${filename}"`,
    'content-security-policy': picturePolicy,
  });
  const signal = AbortSignal.timeout(graceMs + Math.ceil((size ?? 0) / leastBytesPerMs));
  await pipeline(Readable.from(bytes instanceof Uint8Array ? [bytes] : bytes), response, { signal });
}

function refuse(response: ServerResponse, { status, message }: Refusal): void {
  const body = Buffer.from(`${JSON.stringify({ error: message })}\n`);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}
