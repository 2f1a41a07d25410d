import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { maxRecordBytes } from './broker.ts';
import type { Command } from './measure.ts';
import { peerScript } from './python.ts';

/** What to send or to receive. */
export interface Job {
  readonly servers: string;
  readonly topic: string;
  /** Images to send, or to save before the consumer ends. */
  readonly count: number;
  /** A folder of so many files. Default: noise that the producer makes */
  readonly input: string | undefined;
  /** Images a second. Default: as fast as they go */
  readonly rate?: number;
  readonly group: string;
  /** A directory, or `s3://bucket/prefix`. */
  readonly output: string;
}

/** A way to do the work. */
export interface Contender {
  readonly name: string;
  /** Names of what has to be there for it; see `Tools`. */
  readonly needs: 'nothing' | keyof Tools;
  /** Its share of the images, below 1 for what would take minutes. Default: 1 */
  readonly share?: number;
  readonly produce: (job: Job, tools: Tools) => Command;
  readonly consume: (job: Job, tools: Tools) => Command;
  /** False for what only receives. Default: true */
  readonly isSaving?: false;
  /** How many images there are in what it saved. Default: as many as there are files */
  readonly imagesIn?: (files: readonly string[]) => number;
}

/** Programs that may be missing; what is there is the command's name, else the reason. */
export interface Tools {
  readonly python: string;
  readonly kcat: string;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The built programs of this project. */
export const programs = {
  producer: here('../../apps/producer/dist/main.js'),
  consumer: here('../../apps/consumer/dist/main.js'),
};

/** This project, with options of the producer. */
export function imageStream(name: string, ...options: string[]): Contender {
  return {
    name,
    needs: 'nothing',
    produce: ({ servers, topic, count, input, rate }) => [
      process.execPath,
      ...[programs.producer, '-bs', servers, '-t', topic, '-cid', 'bench', '--quiet', ...options],
      ...(rate === undefined ? [] : ['--rate', `${rate}`]),
      ...(input === undefined ? ['-n', `${count}`] : [input]),
    ],
    consume: ({ servers, topic, count, group, output }) => [
      process.execPath,
      // As `pnpm consumer` and the Docker image start it.
      ...[
        '--heap-growing-percent=500',
        programs.consumer,
        '-bs',
        servers,
        '-t',
        topic,
        '-gid',
        group,
        '-o',
        output,
        '--quiet',
      ],
      ...['-n', `${count}`],
    ],
  };
}

const ours = imageStream('image-stream');

/** A script of `peers/`; arguments.py says what it is given. */
function pythonScript(name: string, script: string): Contender {
  const run = (command: string, job: Job, { python }: Tools): Command => [
    python,
    ...['-B', peerScript(script), command],
    ...['--servers', job.servers, '--topic', job.topic, '--count', `${job.count}`],
    ...(job.input === undefined ? [] : ['--input', job.input]),
    ...(job.rate === undefined ? [] : ['--rate', `${job.rate}`]),
    ...['--group', job.group, '--output', job.output],
  ];
  return {
    name,
    needs: 'python',
    produce: (job, tools) => run('produce', job, tools),
    consume: (job, tools) => run('consume', job, tools),
  };
}

/** What the Python application does. Its CRC-32C in pure Python takes seconds for an image. */
export const application: Contender = {
  ...pythonScript('Python application (kafka-python 2.0.2)', 'application.py'),
  share: 0.05,
};

/** The best that a Python user would write. */
export const confluent = pythonScript('confluent-kafka, OpenCV, threads', 'confluent.py');

/** The same into an object store, with the client that Python users have. */
export const boto3: Contender = {
  ...confluent,
  name: 'confluent-kafka, boto3, threads',
  consume: pythonScript('', 'objects.py').consume,
};

/** The limit: the same files put by the client that this project uses, so many at once, from memory and without Kafka. */
export function sdkAlone(requests: number): Contender {
  return {
    name: `AWS SDK alone, ${requests} requests at once`,
    needs: 'nothing',
    produce: ours.produce,
    consume: ({ count, input, output }) => [
      process.execPath,
      ...[here('raw-s3.js'), `${requests}`, `${count}`, input!, output],
    ],
  };
}

/** The limit: the least that it takes in Node.js, without what makes it safe. */
export const minimal: Contender = {
  name: 'minimal program for Node.js',
  needs: 'nothing',
  produce: ({ servers, topic, input }) => [
    process.execPath,
    ...[here('minimal.js'), 'produce', servers, topic, input!],
  ],
  consume: ({ servers, topic, count, output }) => [
    process.execPath,
    ...[here('minimal.js'), 'consume', servers, topic, `${count}`, output],
  ],
};

/** Records of 6.2 MB without images, received as the consumer does. */
export const ourReader: Contender = {
  ...rawKafkajs('the reader of image-stream', 'kafkajs'),
  consume: ({ servers, topic, count }) => [
    process.execPath,
    ...[here('minimal.js'), 'consume', servers, topic, `${count}`],
  ],
};

/** Images in tar archives, each beside a file that says what it is. */
function imagesInShards(files: readonly string[]): number {
  const names = files.flatMap((file) =>
    execFileSync('tar', ['-tf', file], { encoding: 'utf8', maxBuffer: 1024 ** 3 }).split('\n'),
  );
  return names.filter((name) => name.endsWith('.jpg')).length;
}

/** This project, many images in a file. */
export const ourShards: Contender = {
  ...ours,
  name: 'image-stream --layout webdataset',
  consume: (job, tools) => [...ours.consume(job, tools), '--layout', 'webdataset'],
  imagesIn: imagesInShards,
};

/** The same with what Python users have. */
export const shardWriter: Contender = {
  ...confluent,
  name: 'confluent-kafka, webdataset.ShardWriter',
  consume: pythonScript('', 'shards.py').consume,
  imagesIn: imagesInShards,
};

/** Files as they are; it cannot save one file for each record. */
export const kcat: Contender = {
  name: 'kcat',
  needs: 'kcat',
  isSaving: false,
  produce: ({ servers, topic, input }, tools) => [
    tools.kcat,
    ...['-P', '-b', servers, '-t', topic, '-X', 'acks=1', '-X', `message.max.bytes=${maxRecordBytes}`],
    ...readdirSync(input!).map((name) => join(input!, name)),
  ],
  consume: ({ servers, topic, count }, tools) => [
    tools.kcat,
    ...['-C', '-b', servers, '-t', topic, '-o', 'beginning', '-c', `${count}`],
    ...['-X', `fetch.message.max.bytes=${maxRecordBytes}`],
  ],
};

/** Records of 6.2 MB without images, through librdkafka. */
export const librdkafka: Contender = {
  ...pythonScript('librdkafka (confluent-kafka)', 'librdkafka.py'),
  isSaving: false,
};

/** Records of 6.2 MB without images, through a kafkajs. */
export function rawKafkajs(name: string, client: 'kafkajs' | 'kafkajs-unpatched'): Contender {
  const run = (command: string, { servers, topic, count, group }: Job): Command => [
    process.execPath,
    ...[here('raw-kafkajs.js'), client, command, servers, topic, `${count}`, group],
  ];
  return {
    name,
    needs: 'nothing',
    isSaving: false,
    produce: (job) => run('produce', job),
    consume: (job) => run('consume', job),
  };
}
