import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  findFreePorts,
  findInstallation,
  isStopped,
  jvmStarter,
  LocalKafkaError,
  startGuard,
} from '@image-stream/local-kafka/java-server';
import type { Jvm } from '@image-stream/local-kafka/java-server';
import { dataDirectory, s3proxy, startServer, STATE_DIRECTORY } from './server.ts';

const PORT_ATTEMPTS = 5;
const POLL_MS = 5;

/** What kind of S3 server to start. */
export interface S3Options {
  /** Buckets that are there from the start. */
  readonly buckets?: readonly string[];
  /** Called with one line of text when something takes long, such as the first download. Default: silent. */
  readonly report?: (message: string) => void;
}

/** A server, to be disturbed by a test. */
export interface S3Server {
  /** Where it is: `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  /** The same port when it restarts. */
  readonly port: number;
  /** The variables with which any client finds it and logs in. */
  readonly environment: {
    readonly AWS_ENDPOINT_URL_S3: string;
    readonly AWS_REGION: string;
    readonly AWS_ACCESS_KEY_ID: string;
    readonly AWS_SECRET_ACCESS_KEY: string;
  };
  /** Holds a folder for each bucket, and in it a file for each object. */
  readonly directory: string;
  /** Ends it by SIGKILL, as a crash would. Does nothing if it does not run. */
  kill(): Promise<void>;
  /** Stops it by SIGSTOP: connections stay open but nothing answers. @throws {LocalKafkaError} `NOT_RUNNING` */
  pause(): Promise<void>;
  /** Lets it go on. @throws {LocalKafkaError} `NOT_RUNNING` */
  resume(): void;
  /** Starts it again on the same port with the same data, but for what it had not finished; one that runs is killed before. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/**
 * Starts a real S3 server on this machine and resolves once it serves. It listens on 127.0.0.1 only, keeps its data in a temporary
 * directory, and ends with this process, even if that is killed. The first start on a machine downloads it with Maven.
 *
 * @throws {LocalKafkaError} with the `code` that says why it could not start
 */
export async function startS3({ buckets = [], report }: S3Options = {}): Promise<S3Server> {
  const installation = await findInstallation(report, s3proxy, STATE_DIRECTORY);
  const directory = await mkdtemp(join(tmpdir(), 'local-s3-'));
  const guard = startGuard(directory);
  const startJvm = jvmStarter(installation, guard);
  const login = { accessKeyId: 'local-s3', secretAccessKey: 'local-s3-secret' };
  let running: Jvm | undefined;

  async function start(port: number): Promise<void> {
    await startServer(startJvm, { port, directory, buckets, ...login }, async (jvm) => {
      running = jvm;
      void jvm.exited.then(() => {
        running = running === jvm ? undefined : running;
      });
    });
  }

  async function startOnFreePort(): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      const [port] = await findFreePorts(1);
      try {
        await start(port!);
        return port!;
      } catch (error) {
        // A free port can be taken between the moment it was found and the moment the server binds it.
        const isTaken = error instanceof LocalKafkaError && error.code === 'PORT_IN_USE';
        if (!isTaken || attempt === PORT_ATTEMPTS) {
          await guard.release();
          throw error;
        }
      }
    }
  }

  async function kill(): Promise<void> {
    running?.signal('SIGKILL');
    await running?.exited;
  }

  function signalRunning(name: NodeJS.Signals): Jvm {
    if (running === undefined) {
      throw new LocalKafkaError('NOT_RUNNING', 'The S3 server does not run. Call restart() first.');
    }
    running.signal(name);
    return running;
  }

  const port = await startOnFreePort();
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    port,
    environment: {
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: login.accessKeyId,
      AWS_SECRET_ACCESS_KEY: login.secretAccessKey,
    },
    directory: dataDirectory({ directory }),
    kill,
    async pause() {
      const { pid } = signalRunning('SIGSTOP');
      while (!(await isStopped(pid!))) {
        await setTimeout(POLL_MS);
      }
    },
    resume: () => void signalRunning('SIGCONT'),
    async restart() {
      await kill();
      await removeUnfinished(dataDirectory({ directory }));
      await start(port);
    },
    async stop() {
      await kill();
      await guard.release();
    },
  };
}

/**
 * An object that is being written is beside its place under its key and a UUID. Of a server that was killed it stays there and is listed
 * as one more object, which no store does that is in use.
 */
async function removeUnfinished(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && /\.\w+-[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/.test(entry.name)) {
      await rm(join(entry.parentPath, entry.name));
    }
  }
}
