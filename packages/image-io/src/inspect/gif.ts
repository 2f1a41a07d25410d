import { ImageIoError } from '../errors.ts';
import type { Reader, Structure } from './reader.ts';

/**
 * GIF: a logical screen, then extensions and images, each of sub-blocks that begin with their length, up to the
 * trailer. https://www.w3.org/Graphics/GIF/spec-gif89a.txt
 */
export async function inspectGif(reader: Reader): Promise<Structure> {
  const screen = await reader.at(6, 7);
  let frames = 0;
  let isInBlock = false;
  const start = 13 + colorTableBytes(screen[4]!);
  await reader.pass({ start, end: Infinity, least: 10 }, (bytes, index, position) => {
    const byte = bytes[index]!;
    if (isInBlock) {
      // The length of a sub-block; none follows one of 0.
      isInBlock = byte !== 0;
      return 1 + byte;
    }
    switch (byte) {
      case 0x3b:
        return undefined;
      case 0:
        // Some writers leave NULs between blocks, which readers pass over.
        return 1;
      case 0x21:
        isInBlock = true;
        return 2;
      case 0x2c:
        isInBlock = true;
        frames += 1;
        return 11 + colorTableBytes(bytes[index + 9] ?? 0);
      default:
        throw new ImageIoError('INVALID_IMAGE', `GIF file has no block at byte ${position}`);
    }
  });
  if (frames === 0) {
    throw new ImageIoError('INVALID_IMAGE', 'GIF file has no image');
  }
  return { width: screen.readUInt16LE(0), height: screen.readUInt16LE(2), frames };
}

function colorTableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}
