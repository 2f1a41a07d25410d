import type { ByteSource } from '@image-stream/codec';
import { pieces } from '@image-stream/image-io';
import type { ColumnChunk, OffsetIndex } from 'hyparquet';
import type { ByteWriter } from 'hyparquet-writer';
import { imagePath } from './parquet-columns.ts';

/*
 * The bytes of images, each in a page of its own, so that none is ever in memory:
 *
 *   page header (Thrift) | levels: one value that is there | length, 32 bits | the image
 */

/** Where a page is in a file, with its header. */
export type PageLocation = OffsetIndex['page_locations'][number];

/** One run of one definition level: of two that may be absent, `image` and `bytes`, both are there. */
const levels = Uint8Array.of(1 << 1, 2);

const lengthBytes = 4;

/** More than precedes an image in its page. */
const maxHeadBytes = 64;

/** A page's size has 31 bits. */
export const maxImageBytes = 2 ** 31 - 1 - maxHeadBytes;

/** What precedes an image in its page. */
async function pageHead(size: number): Promise<Uint8Array> {
  const [{ ByteWriter: Writer }, { writePageHeader }] = await Promise.all([
    import('hyparquet-writer'),
    import('hyparquet-writer/src/datapage.js'),
  ]);
  const head = new Writer(maxHeadBytes);
  const pageBytes = levels.length + lengthBytes + size;
  writePageHeader(head, {
    type: 'DATA_PAGE_V2',
    uncompressed_page_size: pageBytes,
    compressed_page_size: pageBytes,
    data_page_header_v2: {
      ...{ num_values: 1, num_nulls: 0, num_rows: 1, encoding: 'PLAIN' },
      definition_levels_byte_length: levels.length,
      repetition_levels_byte_length: 0,
      is_compressed: false,
    },
  });
  head.appendBytes(levels);
  head.appendUint32(size);
  return head.getBytes();
}

/** Writes a page, piece by piece. */
export async function writePage(
  image: ByteSource,
  writer: ByteWriter,
  flushIfLarge: () => Promise<void>,
): Promise<Omit<PageLocation, 'first_row_index'>> {
  const start = writer.offset;
  writer.appendBytes(await pageHead(image.size));
  for await (const piece of pieces(image)) {
    writer.appendBytes(piece);
    await flushIfLarge();
  }
  return { offset: BigInt(start), compressed_page_size: writer.offset - start };
}

/** The pages of a row group as a column of it. Of bytes that are all different, statistics are of no use. */
export function columnOf(pages: readonly PageLocation[]): ColumnChunk {
  const bytes = BigInt(pages.reduce((sum, page) => sum + page.compressed_page_size, 0));
  const [{ offset }] = pages as readonly [PageLocation];
  return {
    file_offset: offset,
    meta_data: {
      ...{ type: 'BYTE_ARRAY', encodings: ['PLAIN'], path_in_schema: imagePath, codec: 'UNCOMPRESSED' },
      num_values: BigInt(pages.length),
      ...{ total_uncompressed_size: bytes, total_compressed_size: bytes, data_page_offset: offset },
    },
  };
}

/** Where an image of a size is in the file. @throws Error for a page that does not hold one of that size alone */
export function placeIn({ offset, compressed_page_size }: PageLocation, size: number): number {
  const headBytes = compressed_page_size - size;
  if (headBytes <= 0 || headBytes > maxHeadBytes) {
    throw new Error(`a page of ${compressed_page_size} bytes does not hold an image of ${size} bytes`);
  }
  return Number(offset) + headBytes;
}

/** An image at its place. With its first bytes, what precedes it is read as well, on which others depend to find it. */
export function imageAt(file: ByteSource, start: number, size: number): ByteSource {
  return {
    size,
    async read(from, to) {
      if (from > 0) {
        return file.read(start + from, start + to);
      }
      const head = await pageHead(size);
      const bytes = await file.read(start - head.length, start + to);
      if (Buffer.compare(bytes.subarray(0, head.length), head) !== 0) {
        throw new Error(
          `the page at ${start - head.length} does not begin as that of an image of ${size} bytes`,
        );
      }
      return bytes.subarray(head.length);
    },
  };
}
