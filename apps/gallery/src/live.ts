import type { ServerResponse } from 'node:http';
import type { Events, Hello, Item, Stats, TopicName } from './messages.ts';

/** What is new, for every page that is open. */
export interface Live {
  /** An item that is new, or of which more is known. */
  item(item: Item): void;
  stats(stats: Stats): void;
  /** Sends a page what is there, and then what is new, until it goes away. */
  open(response: ServerResponse): void;
  /** Ends all of them. */
  close(): void;
}

/** Each is a connection, and a copy of what is new. */
const maxPages = 32;

/** A page that reads no further is cut off; it connects again by itself. */
const maxUnsentBytes = 8 * 1024 ** 2;

/** New items travel together: a screen shows no more often. */
const batchMs = 100;

/** How many seconds of stats a new page gets. */
const history = 60;

/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function createLive(hello: Hello): Live {
  const pages = new Set<ServerResponse>();
  const kept: Record<TopicName, Map<string, Item>> = { images: new Map(), 'dead-letters': new Map() };
  const past: Stats[] = [];
  let news = new Map<string, Item>();
  let timer: NodeJS.Timeout | undefined;

  function send<Name extends keyof Events>(page: ServerResponse, event: Name, data: Events[Name]): void {
    if (page.writableLength > maxUnsentBytes) {
      page.destroy();
      return;
    }
    page.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  function broadcast<Name extends keyof Events>(event: Name, data: Events[Name]): void {
    for (const page of pages) {
      send(page, event, data);
    }
  }

  function flush(): void {
    timer = undefined;
    broadcast('items', [...news.values()]);
    news = new Map();
  }

  return {
    item(item) {
      const { topic, partition, offset } = item;
      const key = `${topic}/${partition}/${offset}`;
      kept[topic].set(key, item);
      if (kept[topic].size > hello.maxItems) {
        kept[topic].delete(kept[topic].keys().next().value!);
      }
      news.set(key, item);
      timer ??= setTimeout(flush, batchMs);
    },
    stats(stats) {
      past.push(stats);
      past.splice(0, past.length - history);
      broadcast('stats', stats);
    },
    open(response) {
      if (pages.size >= maxPages) {
        response.writeHead(503, { 'content-type': 'text/plain', 'retry-after': '10' });
        response.end(`${maxPages} pages are open already; close one\n`);
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      pages.add(response);
      response.on('close', () => pages.delete(response));
      send(response, 'hello', hello);
      send(response, 'items', [...kept.images.values(), ...kept['dead-letters'].values()]);
      send(response, 'past', past);
    },
    close() {
      clearTimeout(timer);
      for (const page of pages) {
        page.end();
      }
    },
  };
}
