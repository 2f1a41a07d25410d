/** How an archive is packed. */
export type ArchiveKind = 'tar' | 'gzip' | 'zip';

/** Every tar archive consists of blocks of so many bytes. */
export const blockBytes = 512;

const checksumAt = { start: 148, end: 156 };

/** Whether a file is named as archives are. Of the files of a folder, only those are looked into. */
export function isArchiveName(path: string): boolean {
  return /\.(?:tar|tgz|tar\.gz|zip)$/i.test(path);
}

/**
 * What kind of archive a file is, as its first block shows; undefined for all else. What is within gzip data, that does not tell.
 *
 * @param path of the file: a tar archive of nothing is zeros, as many other files are
 */
export function archiveKind(head: Buffer, path: string): ArchiveKind | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) {
    return 'gzip';
  }
  const start = head.toString('latin1', 0, 4);
  if (start === 'PK\u0003\u0004' || start === 'PK\u0005\u0006') {
    return 'zip';
  }
  return isTarHeader(head) || (isArchiveName(path) && isEmptyBlock(head)) ? 'tar' : undefined;
}

/** Whether a block begins a member of a tar archive: its checksum is right. */
export function isTarHeader(block: Buffer): boolean {
  if (block.length < blockBytes) {
    return false;
  }
  const noted = /^ *([0-7]{1,7})[ \0]/.exec(block.toString('latin1', checksumAt.start, checksumAt.end))?.[1];
  if (noted === undefined) {
    return false;
  }
  // The checksum counts as spaces.
  let sum = 8 * 0x20;
  for (let index = 0; index < blockBytes; index += 1) {
    sum += index >= checksumAt.start && index < checksumAt.end ? 0 : block[index]!;
  }
  return sum === Number.parseInt(noted, 8);
}

/** Whether it is one of the blocks that end a tar archive. */
export function isEmptyBlock(block: Buffer): boolean {
  return block.length === blockBytes && block.every((byte) => byte === 0);
}
