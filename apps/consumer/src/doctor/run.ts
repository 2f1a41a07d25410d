import { tmpdir } from 'node:os';
import { deadLetterTopicOf } from '@image-stream/codec';
import {
  checkKafka,
  checkMachine,
  checkPermission,
  checkTopic,
  diagnosis,
  topicExists,
  warning,
} from '@image-stream/doctor';
import type { Check } from '@image-stream/doctor';
import { usesColor } from '@image-stream/program';
import type { Finding, Outcome, RunContext } from '@image-stream/program';
import {
  isS3Url,
  locationOf,
  maxOpenBytes,
  probeScratch,
  probeShards,
  readOutput,
  s3Settings,
} from '@image-stream/storage';
import { checkDeadLetterTopic } from '../dead-letter-topic.ts';
import { assertDeadLetters } from '../dead-letters.ts';
import { shardLimitsOf, sourcesOf } from '../settings.ts';
import { groupCheck } from './group.ts';
import type { doctorOptions } from './options.ts';

/** Looks at everything that the consumer needs, and changes nothing. */
export async function run({
  values,
  logger,
  progress,
  signal,
  path,
  given,
}: RunContext<typeof doctorOptions>): Promise<Outcome> {
  const { topic, 'dead-letter-topic': deadLetterTopic = deadLetterTopicOf(topic) } = values;
  assertDeadLetters(values);
  progress.start(() => `checking this machine, the brokers and topic ${topic}`, logger);
  const checks = [
    topicCheck(topic),
    groupCheck(topic),
    ...(values['on-error'] === 'stop' || deadLetterTopic === topic
      ? []
      : [deadLetterCheck(topic, deadLetterTopic)]),
  ];
  const findings = await Promise.all([
    checkMachine(),
    checkOutput(),
    checkKafka(sourcesOf({ path, given }), checks, logger, signal),
  ]);
  return diagnosis(findings.flat(), usesColor(process.stdout));

  async function checkOutput(): Promise<Finding[]> {
    const location = values['output-directory'];
    const images = await readOutput(locationOf(location, path), s3Settings(values));
    try {
      const scratch = path(values['scratch-directory'] ?? tmpdir());
      const unfinished = isS3Url(location) ? scratch : path(location);
      return [
        ...(await images.probe()),
        ...(isS3Url(location) ? await probeScratch(scratch) : []),
        ...(values.layout === 'files'
          ? []
          : [await probeShards(unfinished, maxOpenBytes(values.layout, shardLimitsOf(values)))]),
      ];
    } finally {
      await images.close();
    }
  }
}

function topicCheck(topic: string): Check {
  return {
    name: 'topic',
    async run({ admin, probe }) {
      if (!(await topicExists(admin, topic))) {
        return [
          warning(
            'topic',
            `${topic} does not exist, or this user may not see it`,
            'check the name of --topic; the consumer waits until a producer creates it',
          ),
        ];
      }
      const [findings, mayRead] = await Promise.all([
        checkTopic(admin, topic, undefined),
        probe.mayRead(topic),
      ]);
      return [
        ...findings,
        checkPermission(`read topic ${topic}`, `--operation Read --topic ${topic}`, mayRead),
      ];
    },
  };
}

/** Where bad records go; where that is not possible, the consumer stands still at the first one. */
function deadLetterCheck(topic: string, deadLetterTopic: string): Check {
  return {
    name: 'dead letters',
    run: (reached) => checkDeadLetterTopic(reached, topic, deadLetterTopic),
  };
}
