import type { ServerResponse } from 'node:http';
import { Refusal } from './refusal.ts';
import type { Topic } from './topic.ts';

/** The topics that can be looked at; one is read only while somebody looks. */
export interface Topics {
  /** The first one is shown where none is asked for. */
  readonly names: readonly string[];
  /** One of them, until the response is sent or given up. @throws Refusal */
  look(name: string, response: ServerResponse): Topic;
  /** How many are read. */
  readonly open: number;
  /** Ends what every page is sent. */
  close(): void;
}

/** Each has connections and fetches of its own. */
const maxOpen = 16;

/** For so long it is read when nobody looks any more: a page that is loaded again comes back at once. */
const lingerMs = 5000;

interface Visited {
  readonly topic: Topic;
  visitors: number;
  leaving: NodeJS.Timeout | undefined;
}

export function createTopics(names: readonly string[], open: (name: string) => Topic): Topics {
  const visited = new Map<string, Visited>();

  function leave(name: string): void {
    const { topic, leaving } = visited.get(name)!;
    clearTimeout(leaving);
    topic.close();
    visited.delete(name);
  }

  function opened(name: string): Visited {
    if (visited.size >= maxOpen) {
      const [idle] = [...visited].find(([, { visitors }]) => visitors === 0) ?? [];
      if (idle === undefined) {
        throw new Refusal(503, `${maxOpen} topics are looked at already; close the pages of one`);
      }
      leave(idle);
    }
    const one: Visited = { topic: open(name), visitors: 0, leaving: undefined };
    visited.set(name, one);
    return one;
  }

  return {
    names,
    look(name, response) {
      if (!names.includes(name)) {
        throw new Refusal(404, `the gallery does not show topic ${name}, only ${names.join(', ')}`);
      }
      const one = visited.get(name) ?? opened(name);
      clearTimeout(one.leaving);
      one.visitors += 1;
      response.once('close', () => {
        one.visitors -= 1;
        if (one.visitors === 0) {
          one.leaving = setTimeout(() => leave(name), lingerMs).unref();
        }
      });
      return one.topic;
    },
    get open() {
      return visited.size;
    },
    close() {
      for (const { topic } of visited.values()) {
        topic.live.close();
      }
    },
  };
}
