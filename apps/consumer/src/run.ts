import { availableParallelism } from 'node:os';
import { deadLetterTopicOf, decodeRecord } from '@image-stream/codec';
import { openImageStore } from '@image-stream/image-io';
import {
  consumerConfig,
  createGroupClient,
  createLagReader,
  ensureTopic,
  loadProperties,
  openKafka,
  openTopicClient,
  producerConfig,
  translate,
} from '@image-stream/kafka-config';
import { createBudget, createOutageLog, timing, UsageError } from '@image-stream/program';
import type { RunContext, Summary } from '@image-stream/program';
import kafkajs from 'kafkajs';
import { createAssembler } from './assemble.ts';
import { consume } from './consume.ts';
import { assertDeadLetterTopic } from './dead-letter-topic.ts';
import { assertDeadLetters, createDeadLetters, stayingDeadLetters } from './dead-letters.ts';
import { createPatience } from './fault.ts';
import { startMonitor } from './monitor/monitor.ts';
import type { options } from './options.ts';
import { createEnds, findEnds, rewind } from './receive/ends.ts';
import { createJumps } from './receive/jumps.ts';
import { createPartReceiver } from './receive/part-receiver.ts';
import { createReceiver } from './receive/receiver.ts';
import { assertSelection, isSelection, selectPart } from './receive/select.ts';
import { isSaved, saveImage } from './save.ts';
import { defaultMaxInFlightBytes, limitsOf, sourcesOf } from './settings.ts';

/** `max.message.bytes` of a topic that does not exist yet: what the producer creates by default. */
const maxMessageBytes = 13_772_512;

const defaultMaxIncompleteBytes = 16 * 1024 ** 3;
const defaultChunkTimeoutMs = 600_000;
const defaultMaxBadRecords = 100;

/** Makes the parts that `consume` needs from the command line, and runs it. */
export async function run({
  values,
  logger,
  progress,
  signal,
  path,
  configOf,
}: RunContext<typeof options>): Promise<Summary> {
  const { topic, 'save-as': saveAs, resize, 'time-zone': timeZone, overwrite = false } = values;
  const limits = limitsOf(values);
  assertSelection(values);
  assertDeadLetters(values);
  if (values['metrics-host'] !== undefined && values['metrics-port'] === undefined) {
    throw new UsageError('--metrics-host has no effect without --metrics-port, such as --metrics-port 9464');
  }
  const properties = await loadProperties(sourcesOf(values, { path, configOf }));
  const { read, group: groupSettings, fromBeginning, ...settings } = consumerConfig(properties);
  const { groupId } = groupSettings;
  const store = await openImageStore(path(values['output-directory']));

  const budget = createBudget(
    values['max-in-flight-bytes'] ?? defaultMaxInFlightBytes,
    values.concurrency ?? 2 * availableParallelism(),
  );
  const monitor = await startMonitor({
    host: values['metrics-host'] ?? '127.0.0.1',
    port: values['metrics-port'],
    budget,
    logger,
  });
  const { kafka, admin } = await openKafka(kafkajs, properties, logger);
  try {
    if (await ensureTopic(admin, topic, { maxMessageBytes }, (message) => logger.warn(message))) {
      logger.info(`created topic ${topic} with max.message.bytes=${maxMessageBytes}`);
    }
    const deadLetterTopic = values['dead-letter-topic'] ?? deadLetterTopicOf(topic);
    // A selection only looks.
    const staysThere = deadLetterTopic === topic || isSelection(values);
    if (!staysThere && values['on-error'] !== 'stop') {
      await assertDeadLetterTopic({ kafka, admin }, topic, deadLetterTopic, logger);
    }
    const client = await openTopicClient(kafka, topic, read);
    const group = createGroupClient(client, groupSettings);
    if (values['from-beginning'] === true) {
      await rewind(client, group, groupId);
    }
    const selection = isSelection(values) ? await selectPart(client, values, fromBeginning) : undefined;
    const isBounded = values['exit-at-end'] === true || values.until !== undefined;
    const ends = !isBounded
      ? undefined
      : selection
        ? createEnds(selection.starts, selection.ends)
        : await findEnds(client, admin, groupId, fromBeginning);
    const saveOptions = { store, saveAs, resize, timeZone, overwrite, ...limits };
    // The edges of a selection may cut an image off; that is no fault of the topic.
    const chunkTimeoutMs = selection
      ? Number.POSITIVE_INFINITY
      : (values['chunk-timeout'] ?? defaultChunkTimeoutMs);
    const jumps = createJumps({ topic, logger, monitor });
    const recordsOutage = createOutageLog(logger, `records of ${topic} come again`);
    const reading = { client, jumps, ends, signal, logger, monitor };
    const receiver = selection
      ? createPartReceiver({ ...reading, ...selection, ends, outage: recordsOutage })
      : createReceiver({
          ...reading,
          ...settings,
          group,
          groupId,
          sessionTimeoutMs: groupSettings.sessionTimeoutMs,
          fromBeginning,
          outages: {
            group: createOutageLog(logger, `a member of group ${groupId} again`),
            records: recordsOutage,
            commits: createOutageLog(logger, 'offsets are committed again'),
          },
        });
    if (selection === undefined) {
      monitor.followLag(createLagReader(client, admin, groupId, fromBeginning));
    }

    const connect = (createPartitioner: kafkajs.ICustomPartitioner): kafkajs.Producer =>
      kafka.producer({ ...producerConfig(properties).producer, createPartitioner });
    const partitioner = kafkajs.Partitioners.DefaultPartitioner;
    const source = { topic, maxMessageBytes };
    const deadLetters = staysThere
      ? stayingDeadLetters
      : createDeadLetters({ topic: deadLetterTopic, source, kafka, admin, connect, partitioner, logger });

    const patience = createPatience({ signal, logger, monitor });
    const { started, ...counts } = await consume({
      deliveries: receiver,
      stop: () => receiver.stop(),
      selection,
      decode: monitor.timed('decode', (record) => decodeRecord(record, limits)),
      assembler: createAssembler({
        temporaryFile: () => store.temporaryFile(),
        // While the disk is full, no image is to blame for chunks that are held up.
        now: () => performance.now() - patience.pausedMs(),
        isSaved: (chunk) => isSaved(chunk, saveOptions),
        maxBytes: values['max-incomplete-bytes'] ?? defaultMaxIncompleteBytes,
        timeoutMs: chunkTimeoutMs,
      }),
      save: monitor.timed('save', (image) => saveImage(image, saveOptions)),
      deadLetters: values['on-error'] === 'stop' ? undefined : deadLetters,
      maxBadRecords: (values['max-bad-records'] ?? defaultMaxBadRecords) || undefined,
      patience,
      isAtEnd: () => ends?.isReached() ?? false,
      limit: values['num-messages'],
      records: ends?.records,
      budget,
      logger,
      progress,
      monitor,
    });
    const lastCommit = await receiver.close();
    await deadLetters.close();
    return {
      ...counts,
      removed: jumps.removed,
      ...timing(counts.images, lastCommit === undefined ? 0 : lastCommit - started),
    };
  } catch (error) {
    throw translate(
      error,
      properties['bootstrap.servers']!,
      `group '${groupId}' cannot read topic '${topic}'`,
    );
  } finally {
    monitor.close();
    await admin.disconnect();
  }
}
