import { open } from 'node:fs/promises';
import { fileSource } from '@image-stream/image-io';
import { checksKey, headBytes, sha256, tableHead } from './parquet-checks.ts';
import { columnData, features, schemaOf } from './parquet-columns.ts';
import type { TableRow } from './parquet-columns.ts';
import { columnOf, writePage } from './parquet-pages.ts';
import type { PageLocation } from './parquet-pages.ts';
import type { Entry, ShardFile } from './shard.ts';
import { webdataset } from './webdataset.ts';

/** Of images and what is said of them, as they are in the archive. Loaders read a row group at a time. */
const rowGroupBytes = 32 * 1024 ** 2;

/** What waits in memory to be written together. */
const waitingBytes = 1024 ** 2;

/** Writes some of the samples of a finished archive as a table. */
export async function writeTable(
  file: ShardFile,
  entries: readonly Entry[],
  target: string,
): Promise<string> {
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
    const checks: string[] = [];
    // It takes a column as a whole, so it is not told of the bytes of images before the end.
    const writer = new ParquetWriter({
      writer: bytes,
      schema: schemaOf({ withBytes: false }),
      createdBy: 'image-stream',
    });
    // Until it is known.
    bytes.appendBytes(new Uint8Array(headBytes - bytes.offset));
    let rows: TableRow[] = [];
    let pages: PageLocation[] = [];

    const endRowGroup = (): void => {
      const start = bytes.index;
      void writer.write({ columnData: columnData(rows), rowGroupSize: rows.length });
      checks.push(sha256(bytes.getBytes().subarray(start)));
      const chunk = columnOf(pages);
      const group = writer.row_groups.at(-1)!;
      const size = chunk.meta_data!.total_compressed_size;
      group.columns.unshift(chunk);
      group.total_byte_size += size;
      group.total_compressed_size! += size;
      writer.pendingIndexes.push({ chunk, offsetIndex: { page_locations: pages } });
      [rows, pages] = [[], []];
    };

    const wanted = new Map(entries.map(({ offset, start, end }) => [offset, end - start]));
    let groupBytes = 0;
    for await (const { sample, name, content } of webdataset.read(await fileSource(file.path))) {
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
    await flush();
    const tailStart = bytes.offset;
    writer.schema = schemaOf({ withBytes: true });
    writer.kvMetadata = [
      { key: 'huggingface', value: features },
      { key: checksKey, value: JSON.stringify(checks) },
    ];
    void writer.finish();
    const head = tableHead(tailStart, bytes.getBytes());
    await flush();
    for (let done = 0; done < head.length;) {
      done += (await output.write(head, done, head.length - done, done)).bytesWritten;
    }
  } finally {
    await output.close();
  }
  return target;
}
