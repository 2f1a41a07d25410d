import type { ByteSource } from '@image-stream/codec';
import { checksKey, headBytes, sha256, tableHead, tailStartOf } from './parquet-checks.ts';
import { imagePath } from './parquet-columns.ts';
import type { PageLocation } from './parquet-pages.ts';

/** A row group of a table. */
interface Group {
  /** Of the images. */
  pages(): PageLocation[];
  rows(columns: readonly string[]): Promise<Record<string, unknown>[]>;
}

/**
 * Opens a table, of which nothing is parsed before it is known to be what was written.
 *
 * @throws Error for what is no table of this program, or is damaged
 */
export async function openTable(shard: ByteSource): Promise<{ readonly groups: readonly Group[] }> {
  const { parquetMetadata, parquetReadObjects, readOffsetIndex } = await import('hyparquet');
  const head = await shard.read(0, Math.min(headBytes, shard.size));
  const tailStart = head.length < headBytes ? undefined : tailStartOf(head);
  if (tailStart === undefined || tailStart < headBytes || tailStart > shard.size) {
    throw new Error('it does not begin as a Parquet file of this program does');
  }
  const tail = await shard.read(tailStart, shard.size);
  if (Buffer.compare(head, tableHead(tailStart, tail)) !== 0) {
    throw new Error('its metadata is damaged');
  }
  const metadata = parquetMetadata(tail);
  const checks = JSON.parse(
    metadata.key_value_metadata!.find(({ key }) => key === checksKey)!.value!,
  ) as string[];

  const groups = metadata.row_groups.map(({ columns, num_rows }, index): Group => {
    const { meta_data, offset_index_offset } = columns[0]!;
    const { path_in_schema, data_page_offset, total_compressed_size } = meta_data!;
    if (path_in_schema.join() !== imagePath.join()) {
      throw new Error(`its first column is ${path_in_schema.join('.')}, not ${imagePath.join('.')}`);
    }
    const start = Number(data_page_offset + total_compressed_size);
    const next = metadata.row_groups[index + 1]?.columns[0]!.meta_data!.data_page_offset;
    const end = Number(next ?? tailStart);
    const others = async (): Promise<Uint8Array> => {
      const bytes = await shard.read(start, end);
      if (sha256(bytes) !== checks[index]) {
        throw new Error(`what it says of the images in row group ${index} is damaged`);
      }
      return bytes;
    };
    return {
      pages() {
        if (offset_index_offset === undefined) {
          // It has but one.
          const compressed_page_size = Number(total_compressed_size);
          return [{ offset: data_page_offset, compressed_page_size, first_row_index: 0n }];
        }
        const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
        return readOffsetIndex({ view, offset: Number(offset_index_offset) - tailStart }).page_locations;
      },
      async rows(wanted) {
        const bytes = await others();
        const slice = (from: number, to = end): ArrayBuffer =>
          Uint8Array.from(bytes.subarray(from - start, to - start)).buffer;
        return parquetReadObjects({
          file: { byteLength: shard.size, slice },
          metadata: { ...metadata, row_groups: [metadata.row_groups[index]!], num_rows },
          columns: [...wanted],
          utf8: false,
        });
      },
    };
  });
  return { groups };
}
