import { crc32 } from 'node:zlib';
import { byteSource } from '@image-stream/codec';
import type { Image } from '@image-stream/codec';
import { ImageIoError, pieces } from '@image-stream/image-io';
import { namedImage } from '../image-file.ts';
import { maxBytesInMemory } from '../load-file.ts';
import type { ImageFileOptions } from '../source.ts';
import { isNamedAsImage, refusal } from './companions.ts';
import type { Other, Refused } from './companions.ts';
import { holdImage, readMember } from './held.ts';
import type { Held } from './held.ts';
import type { Member } from './member.ts';
import { isSampleJson, knownImage } from './sample-json.ts';
import type { KnownImage } from './sample-json.ts';

/** Members that belong together: images, and what is beside them. */
export interface Sample {
  readonly key: string;
  /** How many it has taken. */
  members: number;
  readonly images: Held[];
  /** What is no image, and need not be one. */
  readonly others: Other[];
  readonly refused: Refused[];
  /** What its json says of its image. */
  known?: KnownImage;
  /** The json that cannot be read. */
  unreadableJson?: string;
  /** Whether something of it may have been lost: it is next to what is damaged, or at an end without a mark. */
  isBesideGap: boolean;
}

/** A larger json is none of a sample. */
const maxJsonBytes = 1024 ** 2;

export function emptySample(key: string): Sample {
  return { key, members: 0, images: [], others: [], refused: [], isBesideGap: false };
}

/** Takes a member into its sample, whatever it is. */
export async function take(sample: Sample, member: Member, limits: ImageFileOptions): Promise<void> {
  const { name, size, problem } = member;
  const isJson = isSampleJson(name);
  sample.members += 1;
  try {
    if (problem !== undefined) {
      throw new ImageIoError('INVALID_IMAGE', problem);
    }
    if (isJson && size <= maxJsonBytes) {
      const json = await readMember(member);
      const known = knownImage(json);
      if (known !== undefined) {
        sample.known = known;
      }
      sample.others.push({ name, size, head: json, isJson });
      return;
    }
    const held = await holdImage(member, maxBytesInMemory - bytesInMemory(sample), limits);
    if (!Buffer.isBuffer(held)) {
      sample.images.push(held);
      return;
    }
    const other = { name, size, head: held, isJson };
    if (isNamedAsImage(other)) {
      sample.refused.push(refusal(other));
    } else {
      sample.others.push(other);
    }
  } catch (error) {
    sample.refused.push({ name, error: error as Error });
    if (isJson) {
      sample.unreadableJson = name;
    }
  }
}

function bytesInMemory({ images }: Sample): number {
  return images.reduce((sum, { content }) => sum + (Buffer.isBuffer(content) ? content.length : 0), 0);
}

/** An image of a sample of which all members have come. */
export async function loadImage(
  { member, content }: Held,
  { unreadableJson, known }: Pick<Sample, 'unreadableJson' | 'known'>,
  options: ImageFileOptions & {
    /** Of the archive. */
    readonly relativePath: string;
    /** Whether the sample has no other image. */
    readonly isOnly: boolean;
    /** Called where the json is about other bytes. */
    readonly reencoded: (name: string) => void;
  },
): Promise<Image> {
  const { name, size, mtime } = member;
  if (unreadableJson !== undefined) {
    throw new ImageIoError('INVALID_IMAGE', `${unreadableJson}, which may say who it is, cannot be read`);
  }
  const isToBeRead = !Buffer.isBuffer(content) && size <= maxBytesInMemory;
  const bytes = isToBeRead ? Buffer.from(await content.read(0, size)) : content;
  await assertIntact(bytes, member);
  const relativePath = `${options.relativePath}/${name}`;
  const image = await namedImage({ relativePath, mtime, content: bytes }, options);
  const isSame = 'sha256' in image.content && image.content.sha256 === known?.sha256;
  // Of several images, the json is about the one whose SHA-256 it has.
  if (known === undefined || !(isSame || options.isOnly)) {
    return image;
  }
  if (!isSame) {
    options.reencoded(name);
  }
  const { id, customer, createdAt, filename } = known;
  const customerId = options.customerOf(relativePath, customer);
  return { id, customerId, createdAt, content: image.content, ...(filename !== undefined && { filename }) };
}

/** @throws ImageIoError `INVALID_IMAGE` where the archive has another CRC-32 */
async function assertIntact(content: Held['content'], { crc32: expected }: Member): Promise<void> {
  if (expected === undefined) {
    return;
  }
  let actual = 0;
  for await (const piece of pieces(Buffer.isBuffer(content) ? byteSource(content) : content)) {
    actual = crc32(piece, actual);
  }
  if (actual !== expected) {
    const message = `is damaged: its CRC-32 is ${actual.toString(16)}, and the archive has ${expected.toString(16)}`;
    throw new ImageIoError('INVALID_IMAGE', message);
  }
}
