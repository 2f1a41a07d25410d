import { setMaxListeners } from 'node:events';
import { committedOffsets, createLagReader } from '@image-stream/kafka-client';
import type { Lag } from '@image-stream/kafka-client';
import type { Logger } from '@image-stream/program';
import type { Admin } from 'kafkajs';
import { every } from './every.ts';
import { createTopicHealth } from './health.ts';
import { createLive } from './live.ts';
import type { Live, Seats } from './live.ts';
import type { TopicName } from './messages.ts';
import { createRates } from './rates.ts';
import { openWatchedTopic } from './watched-topic.ts';
import type { Sharing, WatchedTopic, WatchedTopicListener } from './watched-topic.ts';
import { thumbnailKey } from './thumbnails.ts';

/** A topic with its dead letters, while somebody looks at it. */
export interface Topic {
  readonly live: Live;
  shown(name: TopicName): ReturnType<WatchedTopic['shown']>;
  /** Reads no more. */
  close(): void;
}

/** What was shown since the start. */
interface Counts {
  images: number;
  passedOver: number;
  payloadBytes: number;
  wireBytes: number;
}

/** What topics need besides what they all share. */
export interface TopicOptions {
  readonly topic: string;
  readonly deadLetterTopic: string;
  /** Whose lag is shown. */
  readonly group: string;
  readonly sharing: Sharing;
  readonly admin: Admin;
  readonly seats: Seats;
  readonly counts: Counts;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** A bug. */
  readonly failed: (error: unknown) => void;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

/** How many items the gallery and its pages keep of each topic. */
const maxItems = 160;
const statsMs = 1000;
const lagMs = 1000;

/** A lag that was found longer ago is not known any more. */
const lagValidMs = 10_000;

/** Begins to show a topic. */
export function openTopic(options: TopicOptions): Topic {
  const { topic, deadLetterTopic, group, sharing, admin, seats, counts, logger, failed } = options;
  const closing = new AbortController();
  const signal = AbortSignal.any([options.signal, closing.signal]);
  // One for each answer that is waited for.
  setMaxListeners(0, signal);
  const rates = createRates();
  const live = createLive(
    { topic, deadLetterTopic, group, maxItems },
    ({ topic: name, topicId, partition, offset }) =>
      topics[name].thumbnails.find(thumbnailKey(name, topicId, partition, offset)),
    seats,
  );
  let readLag: (() => Promise<Lag>) | undefined;

  const letters: WatchedTopicListener = {
    item(item) {
      if (item.problem === undefined && (item.chunks?.have ?? 1) === 1) {
        counts.images += 1;
        counts.payloadBytes += item.imageBytes ?? 0;
      }
      live.item(item);
    },
    read: (bytes) => void (counts.wireBytes += bytes),
    came() {},
    shown() {},
    skipped: ({ partition, offset }) => live.leftOut('dead-letters', partition, BigInt(offset) + 1n),
    passedOver() {},
    readsFrom: (partition, offset) => live.leftOut('dead-letters', partition, offset),
    madeAnew: () => live.forget('dead-letters'),
    began() {},
    ended: () => live.forget('dead-letters'),
    failed,
  };
  const pictures: WatchedTopicListener = {
    ...letters,
    came: (bytes, images) => rates.came(bytes, images),
    shown: () => rates.shown(),
    skipped({ partition, offset }) {
      counts.passedOver += 1;
      rates.skipped(1);
      live.leftOut('images', partition, BigInt(offset) + 1n);
    },
    passedOver(records) {
      counts.passedOver += records;
      rates.came(0, records);
      rates.skipped(records);
    },
    readsFrom: (partition, offset) => live.leftOut('images', partition, offset),
    madeAnew: () => live.forget('images'),
    began(client) {
      readLag = createLagReader(client, admin, group, true);
    },
    ended() {
      readLag = undefined;
      live.forget('images');
    },
  };
  const health = {
    images: createTopicHealth(topic, { logger, mayBeAbsent: false }),
    'dead-letters': createTopicHealth(deadLetterTopic, { logger, mayBeAbsent: true }),
  };
  const topics = {
    images: watched('images', topic, pictures),
    'dead-letters': watched('dead-letters', deadLetterTopic, letters),
  };

  function watched(name: TopicName, kafkaTopic: string, listener: WatchedTopicListener): WatchedTopic {
    return openWatchedTopic({ name, kafkaTopic, health: health[name], sharing, listener, signal });
  }

  /** As far as it is known; the brokers may be silent. */
  let lag: { readonly value: number | null; readonly at: number } | undefined;
  void every(lagMs, signal, async () => {
    const value = readLag === undefined ? null : await lagOf(readLag).catch(() => null);
    lag = { value, at: performance.now() };
  });
  every(statsMs, signal, async () => {
    const now = performance.now();
    live.stats({
      ...rates.read(),
      lag: lag !== undefined && now - lag.at < lagValidMs ? lag.value : null,
      problem: health.images.problem ?? health['dead-letters'].problem ?? null,
      silentSeconds: health.images.silentSeconds() ?? null,
    });
  }).catch(failed);

  /** How many records the group has not committed; null where it has committed nothing. */
  async function lagOf(read: () => Promise<Lag>): Promise<number | null> {
    const committed = await committedOffsets(admin, topic, group);
    return committed.size === 0 ? null : [...(await read()).values()].reduce((sum, one) => sum + one, 0);
  }

  return {
    live,
    shown: (name) => topics[name].shown(),
    close() {
      closing.abort();
      live.close();
    },
  };
}
