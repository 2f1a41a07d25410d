import type { ByteSource } from '@image-stream/codec';

/** A file with images in it, wherever it lies. */
export interface Archive {
  /** What a person knows it by. */
  readonly name: string;
  /** As of a file; its members are below it. */
  readonly relativePath: string;
  readonly source: ByteSource;
}

/** A file in an archive. */
export interface Member {
  readonly kind: 'file';
  /** Its path in the archive, with forward slashes, as it is written there: nothing is ever made under it. */
  readonly name: string;
  readonly mtime: Date;
  /** Bytes, as the archive declares them. */
  readonly size: number;
  /** Why it cannot be read, whatever is in it. */
  readonly problem?: string | undefined;
  /** Of its bytes, where the archive has one. */
  readonly crc32?: number;
  /** Its bytes, at any time, where they lie in the archive as they are. */
  readonly content?: ByteSource;
  /** Its bytes from front to back, as long as nobody has asked for the next member. They may be more or fewer than declared. */
  readonly bytes: () => AsyncIterable<Uint8Array>;
}

/** What else an archive holds. */
export type Found =
  | Member
  /** A link to another member, or to anything else. */
  | { readonly kind: 'link' }
  /** It stops without a mark of its end, as some are written, and as one that was cut off between two members. */
  | { readonly kind: 'open end' }
  /** Bytes that are passed over, because nothing can be made of them. */
  | { readonly kind: 'damage'; readonly start: number; readonly end: number };

/** A part of a source. */
export function slice(source: ByteSource, start: number, size: number): ByteSource {
  return { size, read: (from, to) => source.read(start + from, start + to) };
}

/** A name without what leads to the place where it is unpacked: `./a.png` and `/a.png` are `a.png`. */
export function relativeName(name: string): string {
  return name.replace(/^(?:\.?\/+)+/, '');
}
