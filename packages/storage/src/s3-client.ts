import { S3Client } from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { StorageError } from './errors.ts';
import { isLostConnection, translateS3Error } from './s3-errors.ts';
import type { Asked } from './s3-errors.ts';
import { endpointOf } from './s3-url.ts';
import { createDirectPut } from './s3-put.ts';
import type { PutRequest, Template } from './s3-put.ts';
import type { S3Place, S3Settings } from './s3-url.ts';

// It tells on Node 20 that versions of 2027 will not support it, which helps no user of a program that brings its own.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

/** What a request may be stopped with. */
interface RequestOptions {
  readonly abortSignal: AbortSignal;
}

/** What is asked, and how. */
interface Question extends Asked {
  /** What travels, in either direction; a request with much may take longer. */
  readonly bytes?: number;
  /** It leaves something behind each time, so a lost connection is told at once. */
  readonly once?: true;
}

/** A bucket, or a part of it. */
export interface Store extends S3Place {
  readonly client: S3Client;
  /** For messages. */
  readonly location: string;
  /** Whether checksums are sent in headers of their own. The body's SHA-256 is signed, and so checked, in any case. */
  readonly hasChecksums: boolean;
  /** Puts an object with less work than a command of the client. @returns the status; undefined where only the client can */
  putDirectly(request: PutRequest): Promise<number | undefined>;
  /**
   * Asks for something, within a time limit.
   *
   * @throws StorageError for whatever the store or the network says
   */
  ask<T>(question: Question, run: (options: RequestOptions) => Promise<T>): Promise<T>;
  close(): void;
}

const connectionTimeoutMs = 5000;

/** What any request may take, and how many bytes a second one that carries much has to make beyond that. */
const requestTimeoutMs = 30_000;
const slowestBytesPerSecond = 65_536;

/** More than images are in work at once: what is sent waits for the store, not for a connection. */
const maxConnections = 1024;

/**
 * A client of an object store. Credentials come from where all clients of S3 have them.
 *
 * @param attempts how often the client itself tries; 1 where somebody else tries again
 */
export async function openStore(place: S3Place, settings: S3Settings, attempts: number): Promise<Store> {
  const endpoint = endpointOf(settings);
  const agent = { keepAlive: true, maxSockets: maxConnections };
  const config: S3ClientConfig = {
    ...(settings.region !== undefined && { region: settings.region }),
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    maxAttempts: attempts,
    retryMode: 'standard',
    // A redirect would hide that the region is wrong, and cost every request a second one.
    followRegionRedirects: false,
    // Stores that do not know it cost each request seconds.
    expectContinueHeader: false,
    requestHandler: { connectionTimeout: connectionTimeoutMs, httpAgent: agent, httpsAgent: agent },
  };
  const { client, region } = await createClient(config, endpoint);
  const direct = createDirectPut(client);
  addSteps(client, (request, key) => direct.learn(request, key));
  const url = `s3://${place.bucket}/${place.prefix}`.replace(/\/$/, '');
  const location = endpoint === undefined ? url : `${url} at ${endpoint}`;
  const where = { ...place, location, region };
  /** Afterwards, credentials that cannot be had come back. */
  let hasAnswered = false;

  async function attempt<T>({ bytes = 0 }: Question, run: (options: RequestOptions) => Promise<T>) {
    const limitMs = requestTimeoutMs + (1000 * attempts * bytes) / slowestBytesPerSecond;
    const ending = new AbortController();
    let timer: NodeJS.Timeout;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const seconds = Math.round(limitMs / 1000);
        reject(
          new StorageError('UNAVAILABLE', `${location} cannot be reached: no answer within ${seconds} s`),
        );
        ending.abort();
      }, limitMs);
    });
    try {
      // Not all that is aborted ever ends by itself.
      return await Promise.race([run({ abortSignal: ending.signal }), late]);
    } finally {
      clearTimeout(timer!);
    }
  }

  return {
    ...place,
    client,
    location,
    // Directory buckets have sessions of their own.
    putDirectly: async (request) => (place.bucket.endsWith('--x-s3') ? undefined : direct.put(request)),
    hasChecksums: (await client.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED',
    async ask(question, run) {
      try {
        const answer = await attempt(question, run).catch((error: unknown) => {
          // The store may have closed an idle connection just when it was to be used again.
          if (isLostConnection(error) && question.once !== true) {
            return attempt(question, run);
          }
          throw error;
        });
        hasAnswered = true;
        return answer;
      } catch (error) {
        const translated = translateS3Error(error, question, where);
        if (hasAnswered && (error as Error).name === 'CredentialsProviderError') {
          throw new StorageError('UNAVAILABLE', (translated as Error).message, { cause: error });
        }
        throw translated;
      }
    },
    close: () => client.destroy(),
  };
}

/** A step of the client; its own type has one signature for each kind of command and step. */
interface Step {
  readonly input: { readonly Key?: string };
  readonly request: Template & { readonly headers: Record<string, string> };
}
interface Steps {
  add(
    step: (next: (args: Step) => Promise<unknown>) => (args: Step) => Promise<unknown>,
    options: { readonly step: 'build'; readonly name: string },
  ): void;
}

/**
 * Lets a client sign with the SHA-256 that a request has as its checksum, which it would compute again.
 *
 * @param learn told of each request
 */
function addSteps(client: S3Client, learn: (request: Template, key: string) => void): void {
  const step = (next: (args: Step) => Promise<unknown>) => (args: Step) => {
    const { request, input } = args;
    const checksum = request.headers['x-amz-checksum-sha256'];
    if (checksum !== undefined && request.method === 'PUT') {
      request.headers['x-amz-content-sha256'] = Buffer.from(checksum, 'base64').toString('hex');
    }
    learn(request, input.Key ?? '');
    return next(args);
  };
  (client.middlewareStack as unknown as Steps).add(step, { step: 'build', name: 'knownSha256' });
}

/** Other stores take any region, and most users name none. */
async function createClient(config: S3ClientConfig, endpoint: string | undefined) {
  const client = new S3Client(config);
  const region = await client.config.region().catch(() => '');
  return region === '' && endpoint !== undefined
    ? { client: new S3Client({ ...config, region: 'us-east-1' }), region: 'us-east-1' }
    : { client, region };
}
