import { counted, UsageError } from '@image-stream/program';
import { readBucket } from '@image-stream/storage';
import type { Bucket, StoredObject } from '@image-stream/storage';
import { isArchiveName } from './archives/kind.ts';
import { openArchive } from './archives/open.ts';
import { namedImage } from './image-file.ts';
import { maxBytesInMemory } from './load-file.ts';
import type { Pending, Source, SourceContext } from './source.ts';
import { folderRule, isHidden, isUnfinished } from './walk.ts';

/** A source: objects of a bucket. A key names one; with a slash at its end, or where there is no such object, all whose keys begin so. */
export const objects: Source = {
  inputs: 's3://bucket/key or s3://bucket/prefix/',
  async *open(input, context) {
    const { bucket: name, key } = placeOf(input);
    const bucket = await readBucket(name, context.s3);
    const isPrefix = key === '' || key.endsWith('/');
    const only = isPrefix ? undefined : await bucket.find(key);
    if (only === undefined) {
      yield* objectsBelow(bucket, isPrefix ? key : `${key}/`, input, context);
    } else {
      yield* await imagesOf(name, only, key, context);
    }
  },
};

/** Keys may hold anything, so that nothing of them is decoded. */
function placeOf(input: string): { bucket: string; key: string } {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(input) ?? [];
  if (bucket === '') {
    throw new UsageError(`'${input}' has no bucket; write s3://bucket/prefix/`);
  }
  return { bucket, key };
}

/** What lies below a prefix, as files do in a folder: by the same rule, in the order of the keys. */
async function* objectsBelow(
  bucket: Bucket,
  prefix: string,
  input: string,
  context: SourceContext,
): AsyncGenerator<Pending> {
  const { recursive, signal, warn } = context;
  const rule = folderRule(recursive);
  let [taken, unfinished] = [0, 0];
  for await (const object of bucket.list(prefix, recursive ? 'all' : 'one')) {
    if (signal.aborted) {
      return;
    }
    const relativePath = object.key.slice(prefix.length);
    const folders = relativePath.split('/').slice(0, -1);
    // Keys that end with a slash stand for folders.
    if (relativePath === '' || relativePath.endsWith('/') || folders.some((name) => isHidden(name))) {
      continue;
    }
    if (rule.takes(relativePath)) {
      taken += 1;
      yield* await imagesOf(bucket.name, object, relativePath, context);
    } else {
      unfinished += Number(isUnfinished(relativePath) && !isHidden(relativePath));
    }
  }
  if (unfinished > 0) {
    warn(`${input}: ${counted(unfinished, 'object')} skipped, named like unfinished files or backups`);
  }
  if (taken === 0) {
    throw new Error(await whyNothing(bucket, prefix, recursive));
  }
}

async function whyNothing(bucket: Bucket, prefix: string, recursive: boolean): Promise<string> {
  const folders = recursive ? 0 : await bucket.countFolders(prefix);
  if (folders > 0) {
    return `there is no object in it, but ${counted(folders, 'folder')}; --recursive includes them`;
  }
  return `there is no object to send whose key begins with '${prefix}'`;
}

/** The images in an object that is an archive by its name; else the object. */
async function imagesOf(
  bucket: string,
  object: StoredObject,
  relativePath: string,
  context: SourceContext,
): Promise<AsyncIterable<Pending> | Pending[]> {
  const archive = { name: `s3://${bucket}/${object.key}`, relativePath, source: object.content };
  const images = isArchiveName(object.key) ? await openArchive(archive, context) : undefined;
  return images ?? [imageObject(bucket, object, relativePath, context)];
}

/** An object as an image, with an id as a file has; a large one is read while it travels. */
function imageObject(
  bucket: string,
  { key, size, modified, content }: StoredObject,
  relativePath: string,
  context: SourceContext,
): Pending {
  return {
    name: `s3://${bucket}/${key}`,
    bytes: Math.min(size, maxBytesInMemory),
    async load() {
      const isSmall = size <= maxBytesInMemory;
      const bytes = isSmall ? Buffer.from(await content.read(0, size)) : content;
      return namedImage({ relativePath, mtime: modified, content: bytes }, context);
    },
  };
}
