import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { deadLetterTopicOf } from '@image-stream/codec';
import type { Limits } from '@image-stream/codec';
import { thumbnailOf } from '@image-stream/image-io';
import {
  assertTopicName,
  committedOffsets,
  connectionSources,
  consumerConfig,
  createLagReader,
  createTopicReader,
  isProgrammingError,
  loadProperties,
  openKafka,
  openTopicClient,
  translate,
  unlessAborted,
} from '@image-stream/kafka-config';
import type { Lag } from '@image-stream/kafka-config';
import { counted, formatBytes, formatSeconds, listen, timing } from '@image-stream/program';
import type { Outcome, RunContext } from '@image-stream/program';
import { locationOf, readLayout, readOutput, s3Settings } from '@image-stream/storage';
import kafkajs from 'kafkajs';
import type { Admin } from 'kafkajs';
import { follow } from './feed.ts';
import type { FeedListener } from './feed.ts';
import { createTopicHealth } from './health.ts';
import { createLive } from './live.ts';
import type { TopicName } from './messages.ts';
import type { options } from './options.ts';
import { readPart } from './part.ts';
import { createPictures } from './pictures.ts';
import { createRates } from './rates.ts';
import { createRoom } from './room.ts';
import { createGalleryServer } from './server.ts';
import type { Shown } from './server.ts';
import { createThumbnails, thumbnailKey } from './thumbnails.ts';
import { createTiles } from './tiles.ts';
import type { TileListener } from './tiles.ts';

const defaultPort = 8080;

/** How many items the gallery and its pages keep of each topic. */
const maxItems = 160;

/** How many records from before the start to begin with. */
const backlog = 120;
const statsMs = 1000;
const lagMs = 1000;

/** A lag that was found longer ago is not known any more. */
const lagValidMs = 10_000;

/** How often to look whether there are dead letters by now. */
const deadLettersMs = 3000;

/** Makes the parts of the gallery from the command line, and serves it until it is stopped. */
export async function run(context: RunContext<typeof options>): Promise<Outcome> {
  const { values, logger, path } = context;
  /** A bug ends it as well. */
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, ended.signal]);
  // One for each answer that is waited for.
  setMaxListeners(0, signal);
  const { topic } = values;
  const deadLetterTopic = values['dead-letter-topic'] ?? deadLetterTopicOf(topic);
  assertTopicName(topic);
  assertTopicName(deadLetterTopic);
  const properties = await loadProperties(
    connectionSources(context, {
      options: { 'group.id': 'group-id' },
      defaults: { 'request.timeout.ms': '30000', 'group.id': 'image-consumer' },
    }),
  );
  const group = properties['group.id']!;
  const { read } = consumerConfig(properties);
  const limits: Limits = {
    raisedBy: {
      maxImageBytes: "the consumer's --max-image-bytes",
      maxImagePixels: '--max-image-pixels',
    },
    ...(values['max-image-pixels'] !== undefined && { maxImagePixels: values['max-image-pixels'] }),
  };

  const output = await readOutput(locationOf(values['output-directory'], path), s3Settings(values));
  const saved = readLayout(values.layout, output);
  const { kafka, admin } = await openKafka(kafkajs, properties, logger);

  const started = performance.now();
  const thumbnails = createThumbnails();
  const live = createLive({ topic, deadLetterTopic, group, maxItems }, (item) =>
    thumbnails.find(thumbnailKey(item.topic, item.topicId, item.partition, item.offset)),
  );
  const room = createRoom();
  const rates = createRates();
  // Loads libvips now, and not when the first picture is waited for.
  void thumbnailOf({ shape: [1, 1], dtype: 'uint8', data: new Uint8Array(1) }, 1);
  const topics = new Map<TopicName, Shown>();
  const count = { images: 0, passedOver: 0, payloadBytes: 0, wireBytes: 0 };

  const health = {
    images: createTopicHealth(topic, { logger, mayBeAbsent: false }),
    'dead-letters': createTopicHealth(deadLetterTopic, { logger, mayBeAbsent: true }),
  };

  const tileListener: TileListener = {
    item(item) {
      if (item.problem === undefined && (item.chunks?.have ?? 1) === 1) {
        count.images += 1;
        count.payloadBytes += item.imageBytes ?? 0;
      }
      live.item(item);
    },
    came: (recordBytes, images) => rates.came(recordBytes, images),
    shown: () => rates.shown(),
    skipped({ partition, offset }) {
      count.passedOver += 1;
      rates.skipped(1);
      live.leftOut('images', partition, BigInt(offset) + 1n);
    },
    failed: (error) => ended.abort(error),
  };

  /** Shows a topic, and what comes to it from now on. */
  async function show(name: TopicName, kafkaTopic: string): Promise<void> {
    const feedReader = await createTopicReader(kafka, kafkaTopic, { ...read, signal });
    const reader = await createTopicReader(kafka, kafkaTopic, { ...read, signal }).catch(async (error) => {
      await feedReader.close();
      throw error;
    });
    const pictures = createPictures({
      topic: name,
      kafkaTopic,
      reader,
      saved,
      keyRule: { saveAs: values['save-as'], timeZone: values['time-zone'] },
      limits,
      room,
    });
    topics.set(name, {
      pictures,
      async part(wanted, asked) {
        const endTurn = await room.turn(asked);
        return readPart(wanted, { topic: name, kafkaTopic, reader, limits }, asked).finally(endTurn);
      },
    });
    const isMain = name === 'images';
    const listener: TileListener = isMain
      ? tileListener
      : {
          ...tileListener,
          came() {},
          shown() {},
          skipped: ({ partition, offset }) => live.leftOut(name, partition, BigInt(offset) + 1n),
        };
    const tiles = createTiles({ topic: name, limits, thumbnails, listener, signal });
    const record: FeedListener['record'] = async (one, isNews) => {
      count.wireBytes += (one.key?.length ?? 0) + (one.value?.length ?? 0);
      await tiles.add(one, isNews);
    };
    const feed: FeedListener = {
      record,
      madeAnew: () => live.restart(name),
      readsFrom: (partition, offset) => live.leftOut(name, partition, offset),
      passedOver(records) {
        if (isMain) {
          count.passedOver += records;
          rates.came(0, records);
          rates.skipped(records);
        }
      },
      asks: () => health[name].asks(),
      answered: () => health[name].answered(),
      problem: (error) => health[name].failed(error),
    };
    follow({ reader: feedReader, backlog, listener: feed, signal }).catch((error: unknown) =>
      ended.abort(error),
    );
  }

  /** The topic begins to exist with its first record. */
  async function lookForDeadLetters(): Promise<void> {
    if (topics.has('dead-letters')) {
      return;
    }
    try {
      if ((await admin.listTopics()).includes(deadLetterTopic)) {
        await show('dead-letters', deadLetterTopic);
      } else {
        health['dead-letters'].answered();
      }
    } catch (error) {
      if (isProgrammingError(error)) {
        throw error;
      }
      health['dead-letters'].failed(error);
    }
  }

  try {
    await show('images', topic);
    const readLag = createLagReader(await openTopicClient(kafka, topic, read), admin, group, true);
    const server = createGalleryServer({
      host: values.host,
      page: new URL('page/', import.meta.url),
      live,
      thumbnails,
      shown: (name) => topics.get(name),
      logger,
    });
    const url = await listen(server, {
      host: values.host,
      port: values.port ?? defaultPort,
      hostOption: '--host',
      portOption: '--port',
      onError: (error) => logger.debug({ error }, 'a request was not taken'),
    });
    logger.info(
      `the pictures of ${topic} are on ${url.replace('//127.0.0.1:', '//localhost:')} until Ctrl-C`,
    );
    every(deadLettersMs, signal, lookForDeadLetters).catch((error: unknown) => ended.abort(error));
    /** As far as it is known; the brokers may be silent. */
    let lag: { readonly value: number | null; readonly at: number } | undefined;
    void every(lagMs, signal, async () => {
      const value = await lagOf(admin, topic, group, readLag).catch(() => null);
      lag = { value, at: performance.now() };
    });
    await every(statsMs, signal, async () => {
      const now = performance.now();
      live.stats({
        ...rates.read(),
        lag: lag !== undefined && now - lag.at < lagValidMs ? lag.value : null,
        problem: health.images.problem ?? health['dead-letters'].problem ?? null,
        silentSeconds: health.images.silentSeconds() ?? null,
      });
    });
    live.close();
    server.close();
    server.closeAllConnections();
    ended.signal.throwIfAborted();
    const summary = { ...count, ...timing(count.images, performance.now() - started) };
    return { summary, text: textOf(summary), isDone: true };
  } catch (error) {
    throw translate(error, properties['bootstrap.servers']!, `topic '${topic}' cannot be read`);
  }
}

function textOf({
  images,
  passedOver,
  wireBytes,
  seconds,
}: {
  readonly images: number;
  readonly passedOver: number;
  readonly wireBytes: number;
  readonly seconds: number;
}): string {
  const missed = passedOver === 0 ? '' : `, passed over ${counted(passedOver, 'record')}`;
  return `showed ${counted(images, 'image')}${missed}: ${formatBytes(wireBytes)} read, ${formatSeconds(seconds)}`;
}

/** Again and again until `signal` is aborted, which waits for no answer. @throws what `work` throws */
async function every(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await unlessAborted(signal, work());
    await sleep(ms, undefined, { signal }).catch(() => {});
  }
}

/** How many records a group has not committed; null where it has committed nothing. */
async function lagOf(admin: Admin, topic: string, group: string, read: () => Promise<Lag>) {
  const committed = await committedOffsets(admin, topic, group);
  return committed.size === 0 ? null : [...(await read()).values()].reduce((sum, lag) => sum + lag, 0);
}
