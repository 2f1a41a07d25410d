import { once, setMaxListeners } from 'node:events';
import { deadLetterTopicOf } from '@image-stream/codec';
import { thumbnailOf } from '@image-stream/image-io';
import { BrokerError, openTopicClient, unlessAborted } from '@image-stream/kafka-client';
import {
  assertTopicName,
  connectionSources,
  consumerConfig,
  loadProperties,
  openKafka,
  translate,
} from '@image-stream/kafka-config';
import { assertHealthOptions, listen, serveHealth } from '@image-stream/http';
import { counted, formatBytes, formatSeconds, timing, UsageError } from '@image-stream/program';
import type { Outcome, RunContext } from '@image-stream/program';
import { locationOf, readLayout, readOutput, s3Settings } from '@image-stream/storage';
import kafkajs from 'kafkajs';
import { addressesOf } from './addresses.ts';
import { createAllowance } from './allowance.ts';
import { readLogin } from './login.ts';
import { hostNames, listOf } from './options.ts';
import type { options } from './options.ts';
import { createPulse } from './pulse.ts';
import { createRoom } from './room.ts';
import { createGalleryServer } from './server.ts';
import type { Sharing } from './watched-topic.ts';
import { createThumbnails } from './thumbnails.ts';
import { openTopic } from './topic.ts';
import { createTopics } from './topics.ts';

const defaultPort = 8080;

/** Makes the parts of the gallery from the command line, and serves it until it is stopped. */
export async function run(context: RunContext<typeof options>): Promise<Outcome> {
  const { values, logger, path, given } = context;
  assertHealthOptions(values);
  /** A bug ends it as well. */
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, ended.signal]);
  // One for each answer that is waited for.
  setMaxListeners(0, signal);
  const names = topicsOf(context);
  const deadLettersOf = (topic: string): string => values['dead-letter-topic'] ?? deadLetterTopicOf(topic);
  const loginFile = values['login-file'];
  const front = {
    hosts: [values.host, ...hostNames(given('allowed-host'))],
    basePath: values['base-path'],
    login: await readLogin({
      file: loginFile === undefined ? undefined : path(loginFile),
      variable: process.env['IMAGE_STREAM_LOGIN'],
    }),
  };
  const properties = await loadProperties(
    connectionSources(context, {
      options: { 'group.id': 'group-id' },
      defaults: { 'request.timeout.ms': '30000', 'group.id': 'image-consumer' },
    }),
    logger,
  );
  const servers = properties['bootstrap.servers']!;
  const { read } = consumerConfig(properties);
  const output = await readOutput(locationOf(values['output-directory'], path), s3Settings(values));
  const saved = readLayout(values.layout, output);
  const { kafka, admin } = await openKafka(kafkajs, properties, logger);

  const started = performance.now();
  const counts = { images: 0, passedOver: 0, payloadBytes: 0, wireBytes: 0 };
  const seats = { taken: 0 };
  const sharing: Sharing = {
    kafka,
    read,
    saved,
    keyRule: { saveAs: values['save-as'], timeZone: values['time-zone'] },
    limits: {
      raisedBy: {
        maxImageBytes: "the consumer's --max-image-bytes",
        maxImagePixels: '--max-image-pixels',
      },
      ...(values['max-image-pixels'] !== undefined && { maxImagePixels: values['max-image-pixels'] }),
    },
    room: createRoom(),
    thumbnails: createThumbnails(),
    allowance: createAllowance(),
  };
  const topics = createTopics(names, (topic) =>
    openTopic({
      topic,
      deadLetterTopic: deadLettersOf(topic),
      group: properties['group.id']!,
      sharing,
      admin,
      seats,
      counts,
      logger,
      failed: (error) => ended.abort(error),
      signal,
    }),
  );
  // Loads libvips now, and not when the first picture is waited for.
  void thumbnailOf({ shape: [1, 1], dtype: 'uint8', data: new Uint8Array(1) }, 1);

  try {
    await Promise.all(names.map(lookFor));
    const refusals = new Map<number, number>();
    await serveMetrics(refusals);
    const server = createGalleryServer({
      front,
      page: new URL('page/', import.meta.url),
      topics,
      refused: (status) => refusals.set(status, (refusals.get(status) ?? 0) + 1),
      logger,
    });
    const url = await listen(server, {
      host: values.host,
      port: values.port ?? defaultPort,
      hostOption: '--host',
      portOption: '--port',
      onError: (error) => logger.debug({ error }, 'a request was not taken'),
    });
    sayWhere(url);
    if (!signal.aborted) {
      await once(signal, 'abort');
    }
    topics.close();
    server.close();
    server.closeAllConnections();
    ended.signal.throwIfAborted();
    const summary = { ...counts, ...timing(counts.images, performance.now() - started) };
    return { summary, text: textOf(summary), isDone: true };
  } catch (error) {
    throw translate(error, servers, `topics ${names.join(', ')} cannot be read`);
  }

  /** A topic may begin to exist later; what else keeps it from being read is said at once. */
  async function lookFor(topic: string): Promise<void> {
    const client = await unlessAborted(signal, openTopicClient(kafka, topic, read));
    signal.throwIfAborted();
    try {
      await unlessAborted(signal, client!.describe());
    } catch (error) {
      if (!(error instanceof BrokerError) || error.type !== 'UNKNOWN_TOPIC_OR_PARTITION') {
        throw error;
      }
      logger.warn(
        `there is no topic '${topic}' yet; it is shown once it is created (--topic names another one)`,
      );
    } finally {
      await client!.close();
    }
  }

  async function serveMetrics(refusals: ReadonlyMap<number, number>): Promise<void> {
    const port = values['metrics-port'];
    if (port === undefined) {
      return;
    }
    // Loaded for those who ask for it.
    const { createMetrics } = await import('./metrics.ts');
    const registry = createMetrics({
      counts: () => counts,
      pages: () => seats.taken,
      topics: () => topics.open,
      inFlightBytes: () => sharing.room.inUse(),
      refused: () => refusals,
    });
    const pulse = createPulse(async () => void (await admin.describeCluster()), signal);
    await serveHealth({
      host: values['metrics-host'],
      port,
      problem: () => pulse.problem(),
      metrics: { contentType: registry.contentType, read: () => registry.metrics() },
      logger,
    });
  }

  function sayWhere(url: string): void {
    const { here, elsewhere } = addressesOf(url, front.basePath);
    logger.info(`the images of ${names.join(', ')} from ${servers.join(', ')} are on ${here} until Ctrl-C`);
    logger.info(
      `with links to files in ${locationOf(values['output-directory'], path)} and the lag of group ${properties['group.id']}`,
    );
    if (elsewhere.length === 0) {
      return;
    }
    logger.info(`from other machines: ${elsewhere.join(' or ')}`);
    if (front.login === undefined) {
      logger.warn(
        'anyone who can reach this machine can see the images: set a login with --login-file or IMAGE_STREAM_LOGIN, or listen on 127.0.0.1 only',
      );
    }
  }
}

/** The topics to choose from. @throws UsageError, KafkaConfigError */
function topicsOf({ values, given }: RunContext<typeof options>): string[] {
  const topics = given('topic').length === 0 ? ['data-stream'] : listOf(given('topic'));
  const deadLetterTopic = values['dead-letter-topic'];
  if (deadLetterTopic !== undefined && topics.length > 1) {
    throw new UsageError(
      `--dead-letter-topic is that of one topic, and there are ${topics.length} of --topic`,
    );
  }
  topics.flatMap((topic) => [topic, deadLetterTopic ?? deadLetterTopicOf(topic)]).forEach(assertTopicName);
  return topics;
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
