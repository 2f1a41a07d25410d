import { homedir } from 'node:os';
import { join } from 'node:path';
import { LocalKafkaError } from '@image-stream/local-kafka';
import * as service from '@image-stream/local-kafka/service';
import type { Service } from '@image-stream/local-kafka/service';
import { integer, UsageError } from '@image-stream/program';
import type { Command, OptionDefinitions, Outcome, Program } from '@image-stream/program';
import packageJson from '../package.json' with { type: 'json' };

/** Where programs keep what outlives them (https://specifications.freedesktop.org/basedir-spec): the package goes with the next one. */
const stateDirectory = join(
  process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'),
  'image-stream',
);

const defaultPort = 29_092;

/** The broker on a port; each has its own data, and all share what Maven has found. */
function serviceOn(port: number = defaultPort): Service {
  const option = port === defaultPort ? '' : ` --port ${port}`;
  return {
    port,
    stateDirectory: join(stateDirectory, `kafka-${port}`),
    cacheDirectory: stateDirectory,
    command: (action) => `image-stream kafka ${action}${option}`,
  };
}

const options = {
  port: {
    type: 'string',
    coerce: integer('--port', 1, 65_535),
    describe: 'Where it listens, on this machine only',
    defaultDescription: String(defaultPort),
  },
} as const satisfies OptionDefinitions;

const downOptions = {
  ...options,
  volumes: { type: 'boolean', describe: 'Remove its data as well' },
} as const satisfies OptionDefinitions;

const up: Command<typeof options> = {
  summary: 'Starts it, unless a Kafka answers there. The first time, Maven downloads it.',
  options,
  examples: [['$0', 'a broker on localhost:29092']],
  run: async ({ values: { port }, print }) => said(await service.up(serviceOn(port), print)),
};

const status: Command<typeof options> = {
  summary: 'Says whether it runs.',
  options,
  examples: [['$0', 'exit code 0 where a Kafka answers, else 1']],
  async run({ values: { port } }) {
    const { message, running } = await service.status(serviceOn(port));
    return said(message, running);
  },
};

const down: Command<typeof downOptions> = {
  summary: 'Stops it. Its data is kept for the next start.',
  options: downOptions,
  examples: [['$0 --volumes', 'stop it, and remove its data']],
  run: async ({ values: { port, volumes } }) => said(await service.down(serviceOn(port), volumes === true)),
};

function said(text: string, isDone = true): Outcome {
  return { summary: { message: text }, text, isDone };
}

const commands = { up, status, down };

/** A Kafka on this machine without Docker. */
export const kafka = {
  name: 'kafka',
  version: packageJson.version,
  summary: 'A Kafka on this machine to try things out, without Docker. It needs Java 17 and Maven.',
  options: {},
  examples: [['$0 up', 'start it on localhost:29092']],
  verb: '',
  commands,
  knownErrors: [LocalKafkaError],
  async run(): Promise<never> {
    throw new UsageError(`a command is required: ${Object.keys(commands).join(', ')}`);
  },
} satisfies Program<OptionDefinitions>;
