import { ImageIoError } from '../errors.ts';
import type { Reader, Structure } from './reader.ts';

/**
 * GIF: a logical screen, then extensions and images, each of sub-blocks that begin with their length, up to the
 * trailer. https://www.w3.org/Graphics/GIF/spec-gif89a.txt
 */
export async function inspectGif(reader: Reader): Promise<Structure> {
  const screen = await reader.at(6, 7);
  let position = 13 + colorTableBytes(screen[4]!);
  let frames = 0;
  for (;;) {
    const [introducer] = await reader.at(position, 1);
    if (introducer === 0x3b) {
      break;
    }
    if (introducer === 0) {
      // Some writers leave NULs between blocks, which readers pass over.
      position += 1;
    } else if (introducer === 0x21) {
      position = await afterSubBlocks(reader, position + 2);
    } else if (introducer === 0x2c) {
      frames += 1;
      const descriptor = await reader.at(position, 10);
      position = await afterSubBlocks(reader, position + 11 + colorTableBytes(descriptor[9]!));
    } else {
      throw new ImageIoError('INVALID_IMAGE', `GIF file has no block at byte ${position}`);
    }
  }
  if (frames === 0) {
    throw new ImageIoError('INVALID_IMAGE', 'GIF file has no image');
  }
  return { width: screen.readUInt16LE(0), height: screen.readUInt16LE(2), frames };
}

function colorTableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

async function afterSubBlocks(reader: Reader, start: number): Promise<number> {
  for (let position = start; ;) {
    const [length] = await reader.at(position, 1);
    position += 1 + length!;
    if (length === 0) {
      return position;
    }
  }
}
