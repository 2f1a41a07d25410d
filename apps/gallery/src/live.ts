import type { ServerResponse } from 'node:http';
import type { Events, Hello, Item, LiveItem, Positions, Stats, TopicName } from './messages.ts';
import { Refusal } from './refusal.ts';

/** What is new, for every page that is open. */
export interface Live {
  /** An item that is new, or of which more is known. */
  item(item: Item): void;
  /** What lies before an offset may not have been shown. */
  leftOut(topic: TopicName, partition: number, before: bigint): void;
  stats(stats: Stats): void;
  /** Sends a page what is there, and then what is new, until it goes away. @throws Refusal where too many are open */
  open(response: ServerResponse): void;
  /** What was sent of a topic is no more: every page begins anew. */
  forget(topic: TopicName): void;
  /** Ends all of them. */
  close(): void;
}

/** How many pages are open, of all topics. */
export interface Seats {
  taken: number;
}

/** A page that is open. */
interface Viewer {
  readonly response: ServerResponse;
  /** The last of the items that it was sent. */
  sentUpTo: number;
  /** Since when it has not read what it was sent; undefined where it has. */
  stuckSince: number | undefined;
}

/** Each is a connection, and a copy of what is new. */
const maxPages = 64;

/** New items travel together: a screen shows no more often. */
const batchMs = 200;

/** What a page is sent at once with their thumbnails; it asks for the others when they come into view. */
const maxThumbnails = 36;

/** A page that reads nothing for so long is gone. */
const maxStuckMs = 30_000;

/** How many seconds of stats a new page gets. */
const history = 60;

/**
 * Everything is kept once, and each page knows up to where it was sent it. While one has not read what it was sent, it is sent nothing:
 * afterwards it gets what is kept by then. So a page costs one batch of memory, however slow it is.
 *
 * @param thumbnailOf finds one that has been made
 * @param seats are shared with the pages of other topics
 */
export function createLive(
  hello: Hello,
  thumbnailOf: (item: Item) => Uint8Array | undefined,
  seats: Seats,
): Live {
  const viewers = new Set<Viewer>();
  const kept: Record<TopicName, Map<string, { readonly item: Item; readonly number: number }>> = {
    images: new Map(),
    'dead-letters': new Map(),
  };
  /** From where on nothing is missing of what is kept. */
  const whole: Record<TopicName, Map<number, bigint>> = { images: new Map(), 'dead-letters': new Map() };
  const past: Stats[] = [];
  let newest = 0;
  let timer: NodeJS.Timeout | undefined;

  function send<Name extends keyof Events>(
    { response }: Viewer,
    ...[name, data]: readonly [Name, Events[Name]]
  ): void {
    response.write(`${JSON.stringify({ [name]: data })}\n`);
  }

  function sendNews(viewer: Viewer): void {
    const news = Object.values(kept)
      .flatMap((items) => [...items.values()])
      .filter(({ number }) => number > viewer.sentUpTo)
      .toSorted((one, other) => one.number - other.number);
    if (news.length > 0 && !isStuck(viewer)) {
      viewer.sentUpTo = newest;
      sendWhole(viewer);
      const old = news.length - maxThumbnails;
      send(
        viewer,
        'items',
        news.map(({ item }, index) => (index < old ? item : withThumbnail(item))),
      );
    }
  }

  function sendWhole(viewer: Viewer): void {
    send(viewer, 'whole', {
      images: positionsOf(whole.images),
      'dead-letters': positionsOf(whole['dead-letters']),
    });
  }

  function withThumbnail(item: Item): LiveItem {
    const bytes = thumbnailOf(item);
    return bytes === undefined
      ? item
      : { ...item, thumbnail: `data:image/webp;base64,${Buffer.from(bytes).toString('base64')}` };
  }

  function leftOut(topic: TopicName, partition: number, before: bigint): void {
    if (before > (whole[topic].get(partition) ?? -1n)) {
      whole[topic].set(partition, before);
    }
  }

  return {
    leftOut,
    item(item) {
      const { topic, partition, offset } = item;
      const key = `${topic}/${partition}/${offset}`;
      const items = kept[topic];
      newest += 1;
      items.delete(key);
      items.set(key, { item, number: newest });
      if (items.size > hello.maxItems) {
        const [oldest, { item: gone }] = items.entries().next().value!;
        items.delete(oldest);
        leftOut(topic, gone.partition, BigInt(gone.offset) + 1n);
      }
      timer ??= setTimeout(() => {
        timer = undefined;
        viewers.forEach(sendNews);
      }, batchMs);
    },
    stats(stats) {
      past.push(stats);
      past.splice(0, past.length - history);
      for (const viewer of viewers) {
        if (!isStuck(viewer)) {
          send(viewer, 'stats', stats);
        } else if (performance.now() - viewer.stuckSince! > maxStuckMs) {
          viewer.response.destroy();
        }
      }
    },
    open(response) {
      if (seats.taken >= maxPages) {
        throw new Refusal(503, `${maxPages} pages are open already; close one`);
      }
      response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8' });
      const viewer: Viewer = { response, sentUpTo: 0, stuckSince: undefined };
      viewers.add(viewer);
      seats.taken += 1;
      response.on('close', () => {
        viewers.delete(viewer);
        seats.taken -= 1;
      });
      response.on('drain', () => {
        viewer.stuckSince = undefined;
        sendNews(viewer);
      });
      send(viewer, 'hello', hello);
      send(viewer, 'past', past);
      sendWhole(viewer);
      sendNews(viewer);
    },
    forget(topic) {
      kept[topic].clear();
      whole[topic].clear();
      for (const viewer of viewers) {
        send(viewer, 'hello', hello);
        sendWhole(viewer);
        // What is left follows with what is new.
        viewer.sentUpTo = 0;
        send(viewer, 'items', []);
        sendNews(viewer);
      }
    },
    close() {
      clearTimeout(timer);
      for (const { response } of viewers) {
        response.end();
      }
    },
  };
}

function positionsOf(offsets: ReadonlyMap<number, bigint>): Positions {
  return Object.fromEntries([...offsets].map(([partition, offset]) => [partition, String(offset)]));
}

/** Whether a page has still to read what it was sent. */
function isStuck(viewer: Viewer): boolean {
  if (!viewer.response.writableNeedDrain) {
    return false;
  }
  viewer.stuckSince ??= performance.now();
  return true;
}
