import { notAnImage } from '@image-stream/codec';
import { ImageIoError } from '@image-stream/image-io';
import type { Member } from './member.ts';

/** A member that is no image by its content. */
export interface Other extends Pick<Member, 'name' | 'size'> {
  /** Its first bytes. */
  readonly head: Buffer;
  readonly isJson: boolean;
}

/** What cannot be sent, and why. */
export interface Refused {
  readonly name: string;
  readonly error: Error;
}

/** Members that are no images, all over an archive. */
export interface Companions {
  /** Takes those of a sample in. @returns what can be refused already */
  note(key: string, hasImage: boolean, others: readonly Other[]): Refused[];
  /** Those that are beside no image, now that all have come. */
  refused(): Refused[];
}

/** Samples that are remembered, with some 100 bytes each. */
const maxRemembered = 100_000;

/**
 * What is beside an image, such as a caption, is as it should be, and what is beside none is not. Members of a sample are next to each other in a
 * WebDataset; in a folder that was packed as it came, they are anywhere.
 */
export function createCompanions(): Companions {
  const withImage = new Set<string>();
  const alone = new Map<string, Refused>();

  function refused(): Refused[] {
    const all = [...alone.values()];
    alone.clear();
    return all;
  }

  return {
    note(key, hasImage, others) {
      if (hasImage) {
        alone.delete(key);
        if (withImage.size < maxRemembered) {
          withImage.add(key);
        }
        return [];
      }
      const first = others.find(({ isJson }) => !isJson) ?? others[0];
      if (first !== undefined && !withImage.has(key)) {
        alone.set(key, refusal(first));
      }
      return alone.size > maxRemembered ? refused() : [];
    },
    refused,
  };
}

/** Why a member is no image. */
export function refusal({ name, size, head }: Other): Refused {
  const reason = size === 0 ? 'file is empty' : notAnImage(head, size);
  return { name, error: new ImageIoError('INVALID_IMAGE', reason) };
}

/** Whether a member should have been an image; arrays are more often something else. */
export function isNamedAsImage({ name }: Other): boolean {
  return /\.(?:png|jpe?g|jpe|webp|avif|tiff?|gif)$/i.test(name);
}
