import type { Pending, SourceContext } from '../source.ts';
import { archiveKind, blockBytes } from './kind.ts';
import type { Archive } from './member.ts';

/** What kind of archive a file is; undefined where it is none, or cannot be read. */
export async function kindOfArchive({ name, source }: Omit<Archive, 'relativePath'>) {
  const head = await source.read(0, Math.min(blockBytes, source.size)).catch(() => undefined);
  return head && archiveKind(Buffer.from(head), name);
}

/**
 * The images in an archive; undefined for a file that is none, and for what cannot be read: who reads it as an image says why. What reads
 * archives is loaded with the first one.
 */
export async function openArchive(
  archive: Archive,
  context: SourceContext,
): Promise<AsyncGenerator<Pending> | undefined> {
  const kind = await kindOfArchive(archive);
  return kind && (await import('./archive.ts')).archiveImages(archive, kind, context);
}
