import type { Image } from '@image-stream/codec';
import { decodePixels, thumbnailOf } from '@image-stream/image-io';

/** Columns of a terminal; a line shows two rows of pixels. */
const side = 32;

/** A picture of characters: the upper half of each is in one pixel's colour, what is behind it in that of the one below. */
export async function pictureOf(
  content: Image['content'],
  options: { readonly maxImagePixels?: number },
): Promise<string> {
  const { shape, data } = await decodePixels(await thumbnailOf(content, side, options));
  const [height, width, channels = 1] = shape;
  const colour = (x: number, y: number): string => {
    const start = (Math.min(y, height - 1) * width + x) * channels;
    return Array.from(data.subarray(start, start + 3)).join(';');
  };
  const lines = [];
  for (let y = 0; y < height; y += 2) {
    const blocks = Array.from(
      { length: width },
      (_, x) => `\x1b[38;2;${colour(x, y)};48;2;${colour(x, y + 1)}m▀`,
    );
    lines.push(`  ${blocks.join('')}\x1b[0m`);
  }
  return lines.join('\n');
}
