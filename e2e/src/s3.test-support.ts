import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { startS3Proxy } from '@image-stream/local-s3';
import type { Fate } from '@image-stream/local-s3';
import { inject, onTestFinished } from 'vitest';
import { temporaryFolder } from './files.test-support.ts';
import { uniqueName } from './kafka.test-support.ts';
import { sha256Of } from './ledger.test-support.ts';

/** What a program needs to find the object store that all tests share, and to log in there. */
export const s3Environment = inject('s3Environment');

/** A prefix of the shared bucket that no other test has. */
export interface S3Folder {
  /** As a user names it. */
  readonly url: string;
  /** The keys of all objects below it, in their order. */
  keys(): Promise<string[]>;
  /** Puts bytes under a key, as any program would. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** What is under a key. */
  read(
    key: string,
  ): Promise<{ bytes: Buffer; contentType: string | undefined; metadata: Record<string, string> }>;
  /** The SHA-256 of each object, in their order. */
  hashes(): Promise<string[]>;
  /** How many uploads in parts are unfinished. */
  uploads(): Promise<number>;
}

// It would tell of a Node that later versions of the client will not support.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

/** @param environment of a server of the test's own. Default: the one that all tests share */
export function s3Folder(environment: Readonly<Record<string, string>> = s3Environment): S3Folder {
  const client = new S3Client({
    endpoint: environment['AWS_ENDPOINT_URL_S3']!,
    region: environment['AWS_REGION']!,
    forcePathStyle: true,
    credentials: {
      accessKeyId: environment['AWS_ACCESS_KEY_ID']!,
      secretAccessKey: environment['AWS_SECRET_ACCESS_KEY']!,
    },
  });
  onTestFinished(() => client.destroy());
  const Bucket = 'images';
  const name = uniqueName();
  const Prefix = `${name}/`;

  async function keys(): Promise<string[]> {
    const found: string[] = [];
    let page: ListObjectsV2CommandOutput | undefined;
    do {
      const ContinuationToken: string | undefined = page?.NextContinuationToken;
      page = await client.send(new ListObjectsV2Command({ Bucket, Prefix, ContinuationToken }));
      found.push(...(page.Contents ?? []).map(({ Key }) => Key!.slice(Prefix.length)));
    } while (page.IsTruncated === true);
    return found.toSorted();
  }

  async function read(key: string) {
    const {
      Body,
      ContentType,
      Metadata = {},
    } = await client.send(new GetObjectCommand({ Bucket, Key: Prefix + key }));
    return {
      bytes: Buffer.from(await Body!.transformToByteArray()),
      contentType: ContentType,
      metadata: Metadata,
    };
  }

  return {
    url: `s3://${Bucket}/${name}`,
    keys,
    async put(key, bytes) {
      await client.send(new PutObjectCommand({ Bucket, Key: Prefix + key, Body: bytes }));
    },
    read,
    async hashes() {
      const hashes = [];
      for (const key of await keys()) {
        hashes.push(sha256Of((await read(key)).bytes));
      }
      return hashes.toSorted();
    },
    async uploads() {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix }));
      return Uploads.length;
    },
  };
}

/** The environment of a program, with a scratch directory of the test's own, and something between it and the shared store. */
export async function disturbedS3(fate: Fate): Promise<Record<string, string>> {
  const proxy = await startS3Proxy(s3Environment['AWS_ENDPOINT_URL_S3']!, fate);
  onTestFinished(() => proxy.close());
  return { ...s3Environment, AWS_ENDPOINT_URL_S3: proxy.endpoint };
}

/** The options of a consumer that saves a topic there. */
export function s3Args(topic: string, { url }: Pick<S3Folder, 'url'>, scratch = temporaryFolder()): string[] {
  return ['-t', topic, '-gid', topic, '--output', url, '--scratch-directory', scratch];
}
