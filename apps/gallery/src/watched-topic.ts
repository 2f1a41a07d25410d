import { setMaxListeners } from 'node:events';
import type { Limits } from '@image-stream/codec';
import { createTopicReader, openTopicClient } from '@image-stream/kafka-client';
import type { TopicClient } from '@image-stream/kafka-client';
import type { ReadSettings } from '@image-stream/kafka-config';
import type { KeyRule, SinkReader } from '@image-stream/storage';
import type { Kafka } from 'kafkajs';
import type { Allowance } from './allowance.ts';
import { follow } from './feed.ts';
import type { FeedListener } from './feed.ts';
import type { TopicHealth } from './health.ts';
import { whileThere } from './lives.ts';
import type { Part, TopicName } from './messages.ts';
import { readPart } from './part.ts';
import type { WantedPart } from './part.ts';
import { createPictures } from './pictures.ts';
import type { Pictures } from './pictures.ts';
import type { Room } from './room.ts';
import { thumbnailsOf } from './thumbnails.ts';
import type { Thumbnails } from './thumbnails.ts';
import { createTiles } from './tiles.ts';
import type { TileListener } from './tiles.ts';

/** A topic of Kafka: of pictures, or of dead letters. */
export interface WatchedTopic {
  /** For requests; undefined where Kafka has no such topic. @throws why that is not known */
  shown(): Promise<Shown | undefined>;
  /** Those that have been made of it. */
  readonly thumbnails: Pick<Thumbnails, 'find'>;
}

/** What requests are answered with. */
export interface Shown {
  readonly name: TopicName;
  readonly pictures: Pictures;
  readonly thumbnails: Thumbnails;
  readonly part: (wanted: WantedPart, signal: AbortSignal) => Promise<Part>;
}

/** What all of them share: a client, and what bounds them together. */
export interface Sharing {
  readonly kafka: Kafka;
  readonly read: ReadSettings;
  readonly saved: Pick<SinkReader, 'find'>;
  readonly keyRule: KeyRule;
  readonly limits: Limits;
  readonly room: Room;
  readonly thumbnails: Thumbnails;
  readonly allowance: Allowance;
}

export interface WatchedTopicOptions {
  readonly name: TopicName;
  readonly kafkaTopic: string;
  readonly health: TopicHealth;
  readonly sharing: Sharing;
  readonly listener: WatchedTopicListener;
  readonly signal: AbortSignal;
}

/** What is told of one. */
export interface WatchedTopicListener
  extends TileListener, Pick<FeedListener, 'passedOver' | 'readsFrom' | 'madeAnew'> {
  /** Bytes of a record that was read. */
  read(bytes: number): void;
  /** It is read from now on. */
  began(client: TopicClient): void;
  /** Kafka does not have it any more: what was shown of it is no more. */
  ended(): void;
}

/** How many records from before the start to begin with. */
const backlog = 120;

/** Reads a topic, and shows what comes to it from now on, until `signal` is aborted. */
export function openWatchedTopic(options: WatchedTopicOptions): WatchedTopic {
  const { name, kafkaTopic, health, sharing, listener, signal } = options;
  const { kafka, read, keyRule, limits, saved, room, allowance } = sharing;
  let client: ReturnType<typeof openTopicClient> | undefined;
  let lives = 0;
  let thumbnails = sharing.thumbnails;
  let shown: Shown | undefined;
  /** Why it is not known whether there is such a topic. */
  let problem: unknown;
  let nowKnown!: () => void;
  const known = new Promise<void>((resolve) => {
    nowKnown = resolve;
  });

  whileThere({
    kafkaTopic,
    describe: async () => (await connected()).describe(),
    health,
    read: readUntil,
    notRead(error) {
      problem = error;
      nowKnown();
    },
    signal,
  })
    .catch((error: unknown) => listener.failed(error))
    .finally(() => client?.then((one) => one.close()).catch(() => {}));

  async function connected() {
    client ??= openTopicClient(kafka, kafkaTopic, read).catch((error) => {
      client = undefined;
      throw error;
    });
    return client;
  }

  /** One life of the topic. */
  async function readUntil(until: AbortSignal): Promise<void> {
    setMaxListeners(0, until);
    const feedReader = await createTopicReader(kafka, kafkaTopic, { ...read, signal: until });
    try {
      const reader = await createTopicReader(kafka, kafkaTopic, { ...read, signal: until });
      try {
        lives += 1;
        thumbnails = thumbnailsOf(`${kafkaTopic}/${lives}`, sharing.thumbnails);
        const pictures = createPictures({ topic: name, kafkaTopic, reader, saved, keyRule, limits, room });
        shown = {
          name,
          pictures,
          thumbnails,
          async part(wanted, asked) {
            const endTurn = await room.turn(asked);
            return readPart(wanted, { topic: name, kafkaTopic, reader, limits }, asked).finally(endTurn);
          },
        };
        problem = undefined;
        nowKnown();
        listener.began(await connected());
        await follow({ reader: feedReader, backlog, listener: feedListener(until), signal: until });
      } finally {
        await reader.close();
      }
    } finally {
      await feedReader.close();
      if (shown !== undefined && !signal.aborted) {
        shown = undefined;
        listener.ended();
      }
    }
  }

  function feedListener(until: AbortSignal): FeedListener {
    const tiles = createTiles({
      topic: name,
      limits,
      thumbnails,
      allowance,
      listener: {
        ...listener,
        // One that was on its way when the topic was deleted.
        item: (item) => !until.aborted && listener.item(item),
      },
      signal: until,
    });
    return {
      async record(record, isNews) {
        listener.read((record.key?.length ?? 0) + (record.value?.length ?? 0));
        await tiles.add(record, isNews);
      },
      madeAnew: () => listener.madeAnew(),
      readsFrom: (partition, offset) => listener.readsFrom(partition, offset),
      passedOver: (records) => listener.passedOver(records),
      asks: () => health.asks(),
      answered: () => health.answered(),
      problem: (error) => health.failed(error),
    };
  }

  return {
    async shown() {
      await known;
      if (problem !== undefined) {
        throw problem;
      }
      return shown;
    },
    get thumbnails() {
      return thumbnails;
    },
  };
}
