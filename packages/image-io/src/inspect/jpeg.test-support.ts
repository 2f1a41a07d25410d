import sharp from 'sharp';
import { tiff } from './tiff.test-support.ts';

/** A square in one colour. */
export const picture = (side: number): Promise<Buffer> =>
  sharp({ create: { width: side, height: side, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();

export const segment = (marker: number, content: Buffer): Buffer => {
  const head = Buffer.of(0xff, marker, 0, 0);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
};

/**
 * A picture that says where a second one is, after some bytes between them.
 *
 * @param type what the second one is; 0x010001 and 0x010002 are large thumbnails
 */
export async function pair(
  between = 3,
  offsetError = 0,
  type = 0,
): Promise<{ file: Buffer; firstBytes: number }> {
  const [first, second] = [await picture(30), await picture(20)];
  const indexOf = (offset: number): Buffer => {
    const entry = [type, second.length, offset, 0];
    // The tables of the directory are of bytes, which four longs are, too.
    const index = tiff(
      [{ 0xb001: 2, 0xb002: [0, first.length, 0, 0, ...entry] }],
      undefined,
      Buffer.alloc(0),
    );
    const tag = index.indexOf(Buffer.of(2, 0xb0, 4, 0));
    index.writeUInt16LE(7, tag + 2);
    index.writeUInt32LE(32, tag + 4);
    return segment(0xe2, Buffer.concat([Buffer.from('MPF\0'), index]));
  };
  const firstBytes = first.length + indexOf(0).length;
  const index = indexOf(firstBytes + between - 10 + offsetError);
  const file = Buffer.concat([first.subarray(0, 2), index, first.subarray(2), Buffer.alloc(between), second]);
  return { file, firstBytes };
}
