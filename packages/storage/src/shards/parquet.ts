import { StorageError } from '../errors.ts';
import type { Container } from './container.ts';
import { columnNames, toSample } from './parquet-columns.ts';
import { imageAt, maxImageBytes, placeIn } from './parquet-pages.ts';
import { openTable } from './parquet-reader.ts';
import { writeTable } from './parquet-writer.ts';
import { readAhead, webdataset } from './webdataset.ts';

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
    const table = await openTable(shard);
    const images = readAhead(shard);
    for (const group of table.groups) {
      const pages = group.pages();
      for (const [index, row] of (await group.rows(columnNames)).entries()) {
        const [sample, size] = [toSample(row), Number(row['size'])];
        const place = placeIn(pages[index]!, size);
        yield {
          ...{ sample, name: sample.id, place: `${place}+${size}` },
          content: imageAt(images, place, size),
        };
      }
    }
  },
  open: (shard, place) => webdataset.open(shard, place),
  async lastOffset(shard) {
    const { groups } = await openTable(shard);
    const rows = await groups.at(-1)!.rows(['offset']);
    return Number(rows.at(-1)!['offset']);
  },
};
