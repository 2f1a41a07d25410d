import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deadLetterTopicOf, decodeRecord } from '@image-stream/codec';
import {
  assertTopicName,
  consumerConfig,
  KafkaConfigError,
  loadProperties,
  openKafka,
  translate,
} from '@image-stream/kafka-config';
import { createBudget } from '@image-stream/budget';
import { timing } from '@image-stream/program';
import type { Outcome, RunContext } from '@image-stream/program';
import { locationOf, readLayout, readOutput, s3Settings } from '@image-stream/storage';
import type { Kept, SinkReader } from '@image-stream/storage';
import kafkajs from 'kafkajs';
import type { Admin } from 'kafkajs';
import { assertSelection, isSelection } from '../receive/select.ts';
import { defaultConcurrency, defaultMaxInFlightBytes, limitsOf, sourcesOf } from '../settings.ts';
import { createBuckets } from './buckets.ts';
import { checkFile } from './check.ts';
import { describeVerification } from './describe.ts';
import type { Verification } from './describe.ts';
import { expectFile } from './expect.ts';
import type { verifyOptions } from './options.ts';
import { readTopic } from './read-topic.ts';
import { createReport, differenceKinds } from './report.ts';
import type { Row } from './rows.ts';
import { verify } from './verify.ts';
import { VerifyError } from './verify-error.ts';

/** Makes the parts that `verify` needs from the command line, and runs it. */
export async function run({
  values,
  logger,
  progress,
  signal,
  path,
  given,
}: RunContext<typeof verifyOptions>): Promise<Outcome> {
  const { topic } = values;
  const deadLetterTopic = values['dead-letter-topic'] ?? deadLetterTopicOf(topic);
  assertSelection(values);
  assertTopicName(topic);
  const properties = await loadProperties(sourcesOf({ path, given }), logger);
  const { read } = consumerConfig(properties);
  const { layout } = values;
  const output = await readOutput(locationOf(values['output-directory'], path), s3Settings(values));
  const images = readLayout(layout, output);
  await assertExists(output);

  const { kafka, admin } = await openKafka(kafkajs, properties, logger);
  const folder = await mkdtemp(join(tmpdir(), 'image-stream-verify-'));
  const started = performance.now();
  try {
    const isWhole = !isSelection(values);
    const limits = limitsOf(values);
    const fileOptions = {
      saveAs: values['save-as'],
      resize: values.resize,
      timeZone: values['time-zone'],
      ...limits,
    };
    const reading = { kafka, read, signal, logger };
    if (!(await admin.listTopics()).includes(topic)) {
      throw new KafkaConfigError(
        'REFUSED',
        `there is no topic '${topic}'; name the one to compare with --topic`,
      );
    }
    const report = createReport(topic);
    const records = await verify({
      // Of a part of the topic, the path of an image tells where its file must be, but not in which shard it is.
      files: isWhole || layout !== 'files' ? keptIn(images) : [],
      isWhole,
      readTopic: (take) => readTopic(topic, values, reading, take),
      readDeadLetters: async (take) => {
        // It begins to exist with its first record, perhaps while the topic is read.
        if ((await admin.listTopics()).includes(deadLetterTopic)) {
          await readTopic(deadLetterTopic, {}, reading, take);
        }
      },
      decode: (record) => decodeRecord(record, limits),
      isWanted: ({ customerId }) => values.customer === undefined || customerId === values.customer,
      expect: (decoded) => expectFile(decoded, fileOptions),
      hasShards: layout !== 'files',
      check: (image, place) =>
        checkFile(images, place, image, limits, (reason) => logger.warn(`cannot be read: ${reason}`)),
      buckets: createBuckets<Row>(folder),
      report,
      budget: createBudget(
        values['max-in-flight-bytes'] ?? defaultMaxInFlightBytes(),
        values.concurrency ?? defaultConcurrency(values['output-directory']),
      ),
      topic,
      signal,
      logger,
      progress,
    });
    const counts = report.counts();
    const summary: Verification = {
      records,
      ...counts,
      differences: differenceKinds.reduce((sum, kind) => sum + counts[kind], 0),
      removedRecords: isWhole ? await removedRecords(admin, topic) : 0,
      seconds: timing(0, performance.now() - started).seconds,
      listed: report.listed(),
    };
    return {
      summary,
      text: describeVerification(topic, images.location, summary),
      isDone: summary.differences === 0,
    };
  } catch (error) {
    throw translate(error, properties['bootstrap.servers']!, `topic '${topic}' cannot be read`);
  } finally {
    await rm(folder, { recursive: true, force: true });
    await admin.disconnect();
  }
}

/** @throws VerifyError where there is no such directory: everything would be missing, and nothing is proven by that */
async function assertExists(images: SinkReader): Promise<void> {
  const all = keptIn(images);
  await all.next();
  await all.return(undefined);
}

/** @throws VerifyError where they cannot be listed */
async function* keptIn(images: SinkReader): AsyncGenerator<Kept> {
  try {
    yield* images.list();
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException;
    if (path === images.location && (code === 'ENOENT' || code === 'ENOTDIR')) {
      throw new VerifyError(
        `there is no folder ${images.location}; name the one of the consumer with --output-directory`,
      );
    }
    throw new VerifyError(`cannot list the files of ${images.location}: ${message}`, { cause: error });
  }
}

/** How many offsets are before those that the partitions still hold. */
async function removedRecords(admin: Admin, topic: string): Promise<number> {
  const offsets = await admin.fetchTopicOffsets(topic);
  return offsets.reduce((sum, { low }) => sum + Number(low), 0);
}
