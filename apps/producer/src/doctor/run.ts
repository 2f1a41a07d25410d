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
import type { Outcome, RunContext } from '@image-stream/program';
import { sourcesOf } from '../settings.ts';
import type { doctorOptions } from './options.ts';

/** Looks at everything that the producer needs, and changes nothing. */
export async function run({
  values,
  logger,
  progress,
  signal,
  path,
  given,
}: RunContext<typeof doctorOptions>): Promise<Outcome> {
  progress.start(() => `checking this machine, the brokers and topic ${values.topic}`, logger);
  const findings = await Promise.all([
    checkMachine(),
    checkKafka(sourcesOf({ path, given }), [topicCheck(values.topic)], logger, signal),
  ]);
  return diagnosis(findings.flat(), usesColor(process.stdout));
}

function topicCheck(topic: string): Check {
  return {
    name: 'topic',
    async run({ admin, probe, properties }) {
      if (!(await topicExists(admin, topic))) {
        const maxMessageBytes = properties['max.request.size'];
        return [
          warning(
            'topic',
            `${topic} does not exist, or this user may not see it`,
            `the producer will create it with max.message.bytes=${maxMessageBytes}; check the name of --topic`,
          ),
          checkPermission(
            `create topic ${topic}`,
            `--operation Create --topic ${topic}`,
            await probe.mayCreate(topic),
          ),
        ];
      }
      return [
        ...(await checkTopic(admin, topic, properties['max.request.size'])),
        checkPermission(
          `write to topic ${topic}`,
          `--operation Write --topic ${topic}`,
          await probe.mayWrite(topic),
        ),
      ];
    },
  };
}
