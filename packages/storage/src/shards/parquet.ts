import { open } from 'node:fs/promises';
import type { ByteSource } from '@image-stream/codec';
import { fileSource } from '@image-stream/image-io';
import type { RowGroup } from 'hyparquet';
import { StorageError } from '../errors.ts';
import type { Container } from './container.ts';
import { columnData, columnNames, features, imagePath, schemaOf, toSample } from './parquet-columns.ts';
import type { TableRow } from './parquet-columns.ts';
import { columnOf, imageAt, maxImageBytes, placeIn, writePage } from './parquet-pages.ts';
import type { PageLocation } from './parquet-pages.ts';
import type { Entry, ShardFile } from './shard.ts';
import { readAhead, webdataset } from './webdataset.ts';

/** Of images and what is said of them, as they are in the archive. Loaders read a row group at a time. */
const rowGroupBytes = 32 * 1024 ** 2;

/** What waits in memory to be written together. */
const waitingBytes = 1024 ** 2;

/** What is written now: rows take memory until their row group is complete, so it is one table at a time. */
let writing: Promise<unknown> = Promise.resolve();

/** Parquet files with a row for each image, which https://github.com/huggingface/datasets reads as images. */
export const parquet: Container = {
  extension: 'parquet',
  mediaType: 'application/vnd.apache.parquet',
  assertFits({ size }) {
    if (size > maxImageBytes) {
      throw new StorageError(
        'TOO_LARGE',
        `image of ${size} bytes is larger than the ${maxImageBytes} of one in a Parquet file; --layout webdataset has no such limit`,
      );
    }
  },
  write(file, entries, target) {
    const written = writing.then(() => writeTable(file, entries, target));
    writing = written.catch(() => {});
    return written;
  },
  async *read(shard) {
    const { groups, rows, pagesOf } = await openTable(shard);
    const images = readAhead(shard);
    let start = 0;
    for (const group of groups) {
      const [first, end] = [start, start + Number(group.num_rows)];
      const pages = await pagesOf(group);
      for (const [index, row] of (await rows(columnNames, first, end)).entries()) {
        const [sample, size] = [toSample(row), Number(row['size'])];
        const place = placeIn(pages[index]!, size);
        yield {
          ...{ sample, name: sample.id, place: `${place}+${size}` },
          content: imageAt(images, place, size),
        };
      }
      start = end;
    }
  },
  open: webdataset.open,
  async lastOffset(shard) {
    const { count, rows } = await openTable(shard);
    const [last] = await rows(['offset'], count - 1, count);
    return Number(last!['offset']);
  },
};

async function writeTable(file: ShardFile, entries: readonly Entry[], target: string): Promise<string> {
  // Loaded for those who want it.
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const output = await open(target, 'w');
  try {
    const bytes = new ByteWriter();
    const flush = async (): Promise<void> => {
      await output.appendFile(bytes.getBytes());
      bytes.index = 0;
    };
    const flushIfLarge = async (): Promise<void> => {
      if (bytes.index >= waitingBytes) {
        await flush();
      }
    };
    // It takes a column as a whole, so it is not told of the bytes of images before the end.
    const writer = new ParquetWriter({
      writer: bytes,
      schema: schemaOf({ withBytes: false }),
      createdBy: 'image-stream',
      kvMetadata: [{ key: 'huggingface', value: features }],
    });
    let rows: TableRow[] = [];
    let pages: PageLocation[] = [];

    const endRowGroup = (): void => {
      void writer.write({ columnData: columnData(rows), rowGroupSize: rows.length });
      const chunk = columnOf(pages);
      const group = writer.row_groups.at(-1)!;
      const size = chunk.meta_data!.total_compressed_size;
      group.columns.unshift(chunk);
      group.total_byte_size += size;
      group.total_compressed_size! += size;
      writer.pendingIndexes.push({ chunk, offsetIndex: { page_locations: pages } });
      [rows, pages] = [[], []];
    };

    const source = await fileSource(file.path);
    const wanted = new Map(entries.map(({ offset, start, end }) => [offset, end - start]));
    let groupBytes = 0;
    for await (const { sample, name, content } of webdataset.read(source)) {
      const taken = wanted.get(sample.offset);
      if (taken === undefined) {
        continue;
      }
      if (rows.length > 0 && groupBytes + taken > rowGroupBytes) {
        endRowGroup();
        groupBytes = 0;
      }
      groupBytes += taken;
      const page = await writePage(content, bytes, flushIfLarge);
      pages.push({ ...page, first_row_index: BigInt(rows.length) });
      rows.push({ sample, name, size: content.size });
    }
    endRowGroup();
    writer.schema = schemaOf({ withBytes: true });
    void writer.finish();
    await flush();
  } finally {
    await output.close();
  }
  return target;
}

/** @throws Error for what is no such table */
async function openTable(shard: ByteSource) {
  const { parquetMetadataAsync, parquetReadObjects, readOffsetIndex } = await import('hyparquet');
  const slice = async (start: number, end = shard.size): Promise<ArrayBuffer> => {
    const bytes = await shard.read(start, end);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  };
  const file = { byteLength: shard.size, slice };
  const metadata = await parquetMetadataAsync(file);
  return {
    groups: metadata.row_groups,
    count: Number(metadata.num_rows),
    rows: (columns: readonly string[], rowStart: number, rowEnd: number) =>
      parquetReadObjects({
        ...{ file, metadata, columns: [...columns], rowStart, rowEnd },
        ...{ utf8: false, useOffsetIndex: true },
      }),
    /** Of the images in a row group. */
    async pagesOf({ columns, num_rows }: RowGroup): Promise<PageLocation[]> {
      const chunk = columns[0];
      const { meta_data, offset_index_offset, offset_index_length } = chunk ?? {};
      let pages: PageLocation[] = [];
      if (meta_data?.path_in_schema.join() === imagePath.join()) {
        if (offset_index_offset !== undefined) {
          const start = Number(offset_index_offset);
          const view = new DataView(await slice(start, start + Number(offset_index_length)));
          pages = readOffsetIndex({ view, offset: 0 }).page_locations;
        } else {
          const { data_page_offset, total_compressed_size } = meta_data;
          pages = [
            {
              offset: data_page_offset,
              compressed_page_size: Number(total_compressed_size),
              first_row_index: 0n,
            },
          ];
        }
      }
      if (pages.length !== Number(num_rows)) {
        throw new Error(`its ${num_rows} images have ${pages.length} pages`);
      }
      return pages;
    },
  };
}
