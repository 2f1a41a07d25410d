import { setTimeout as sleep } from 'node:timers/promises';
import { deadLetterTopicOf } from '@image-stream/codec';
import type { Limits } from '@image-stream/codec';
import { describeRecord, thumbnailOf } from '@image-stream/image-io';
import {
  assertTopicName,
  BrokerError,
  committedOffsets,
  connectionSources,
  consumerConfig,
  createLagReader,
  createTopicReader,
  isProgrammingError,
  loadProperties,
  openKafka,
  openTopicClient,
  reasonOf,
  translate,
  unlessAborted,
} from '@image-stream/kafka-config';
import type { Lag, TopicRecord } from '@image-stream/kafka-config';
import { counted, createOutageLog, formatBytes, formatSeconds, listen, timing } from '@image-stream/program';
import type { Outcome, RunContext } from '@image-stream/program';
import { locationOf, readLayout, readOutput, s3Settings } from '@image-stream/storage';
import kafkajs from 'kafkajs';
import type { Admin } from 'kafkajs';
import { follow } from './feed.ts';
import type { FeedListener } from './feed.ts';
import { createLive } from './live.ts';
import type { TopicName } from './messages.ts';
import type { options } from './options.ts';
import { readPart } from './part.ts';
import { createPictures, thumbnailSide } from './pictures.ts';
import { createRates } from './rates.ts';
import { createGalleryServer, thumbnailKey } from './server.ts';
import type { Shown } from './server.ts';
import { createThumbnails } from './thumbnails.ts';

const defaultPort = 8080;

/** How many items the gallery and its pages keep of each topic. */
const maxItems = 400;

/** How many records from before the start to begin with. */
const backlog = 120;
const statsMs = 1000;

/** How often to look whether there are dead letters by now. */
const deadLettersMs = 3000;

/** Makes the parts of the gallery from the command line, and serves it until it is stopped. */
export async function run(context: RunContext<typeof options>): Promise<Outcome> {
  const { values, logger, path } = context;
  /** A bug ends it as well. */
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, ended.signal]);
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
  const live = createLive({ topic, deadLetterTopic, group, maxItems });
  const thumbnails = createThumbnails();
  const rates = createRates();
  const topics = new Map<TopicName, Shown>();
  const count = { images: 0, passedOver: 0, payloadBytes: 0, wireBytes: 0 };
  const problems = new Map<TopicName, string>();

  /** What keeps a topic from being read: on every page while it lasts, and in the log. */
  function problemOf(name: TopicName, kafkaTopic: string): FeedListener['problem'] {
    const outage = createOutageLog(logger, `records of ${kafkaTopic} come again`);
    return (error) => {
      if (error === undefined) {
        problems.delete(name);
        outage.over();
      } else {
        const text = `nothing new of ${kafkaTopic} can be read, and is tried again: ${reasonOf(error)}`;
        problems.set(name, text);
        outage.failed(text);
      }
    };
  }

  const tellOfDeadLetters = problemOf('dead-letters', deadLetterTopic);
  /** That there is no such topic, or none any more, is no problem. */
  const ofDeadLetters: FeedListener['problem'] = (error) =>
    tellOfDeadLetters(isAbsent(error) ? undefined : error);

  const listener: FeedListener = {
    item(item, content) {
      // Those that there is no time for now are made when a page asks for them.
      if (content !== undefined && !thumbnails.isBusy()) {
        const make = async (): Promise<Uint8Array> =>
          (await thumbnailOf(content, thumbnailSide, limits)).bytes;
        const key = thumbnailKey(item.topic, item.partition, item.offset);
        thumbnails.get(key, item.imageBytes ?? item.recordBytes, make).catch(() => {});
      }
      if (item.problem === undefined && (item.chunks?.have ?? 1) === 1) {
        count.images += 1;
        count.payloadBytes += item.imageBytes ?? 0;
      }
      count.wireBytes += item.recordBytes;
      live.item(item);
    },
    traffic: (recordBytes, isImage) => rates.count(recordBytes, isImage),
    passedOver(records) {
      count.passedOver += records;
    },
    problem: problemOf('images', topic),
  };

  /** Shows a topic, and what comes to it from now on. */
  async function show(name: TopicName, kafkaTopic: string): Promise<void> {
    const feedReader = await createTopicReader(kafka, kafkaTopic, { ...read, signal });
    const reader = await createTopicReader(kafka, kafkaTopic, { ...read, signal }).catch(async (error) => {
      await feedReader.close();
      throw error;
    });
    topics.set(name, {
      pictures: createPictures({
        topic: name,
        kafkaTopic,
        reader,
        saved,
        keyRule: { saveAs: values['save-as'], timeZone: values['time-zone'] },
        limits,
      }),
      part: (place) => readPart(place, { topic: name, kafkaTopic, reader, limits }),
    });
    const describe = (record: TopicRecord) => describeRecord(record, limits);
    const own =
      name === 'images' ? listener : { ...listener, traffic() {}, passedOver() {}, problem: ofDeadLetters };
    const feed = { topic: name, reader: feedReader, describe, backlog, listener: own, signal };
    follow(feed).catch((error: unknown) => ended.abort(error));
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
        ofDeadLetters(undefined);
      }
    } catch (error) {
      if (isProgrammingError(error)) {
        throw error;
      }
      ofDeadLetters(error);
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
    await every(statsMs, signal, async () => {
      const lag = await lagOf(admin, topic, group, readLag).catch(() => null);
      const problem = problems.get('images') ?? problems.get('dead-letters') ?? null;
      live.stats({ ...rates.read(), lag, passedOver: count.passedOver, problem });
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

/** What a broker says of a topic that does not exist. */
function isAbsent(error: unknown): boolean {
  return error instanceof BrokerError && error.type === 'UNKNOWN_TOPIC_OR_PARTITION';
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
