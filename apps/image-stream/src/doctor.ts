import { consumer } from '@image-stream/consumer/program';
import { diagnosis } from '@image-stream/doctor';
import type { Diagnosis } from '@image-stream/doctor';
import { producer } from '@image-stream/producer/program';
import { usesColor } from '@image-stream/program';
import type { Finding, Program } from '@image-stream/program';

const { doctor: send } = producer.commands;
const { doctor: receive } = consumer.commands;
const options = { ...send.options, ...receive.options };

/** The doctors of the producer and the consumer as one; each by itself under the word of its program. */
export const doctor: Program<typeof options> = {
  name: 'doctor',
  version: producer.version,
  summary:
    'Looks at what sending and receiving need, says what is wrong and what to do, and changes nothing.',
  options,
  examples: [
    ['$0', 'this machine, output/, the broker on localhost:29092 and data-stream'],
    ['$0 send -F client.properties -t scans', 'only what sending needs'],
    ['$0 receive -o /data/images -gid archive', 'only what receiving needs'],
  ],
  verb: '',
  commands: { send, receive },
  knownErrors: [...new Set([...producer.knownErrors, ...consumer.knownErrors])],
  async run(context) {
    const outcomes = [await send.run(context), await receive.run(context)];
    const findings = outcomes.flatMap(({ summary }) => (summary as Diagnosis).findings);
    return diagnosis([...new Map(findings.map(keyed)).values()], usesColor(process.stdout));
  },
};

/** Both look at the machine, the brokers and the topic, and measure anew. Permissions are told apart by what they are for. */
function keyed(finding: Finding): [key: string, finding: Finding] {
  const { check, status, seen } = finding;
  return [JSON.stringify([check, status, check === 'permission' && seen]), finding];
}
