import { open } from 'node:fs/promises';
import { byteSource } from '@image-stream/codec';
import type { ByteSource } from '@image-stream/codec';
import { fileSource } from '@image-stream/image-io';
import type { SchemaElement } from 'hyparquet';
import type { ColumnSource } from 'hyparquet-writer';
import { StorageError } from '../errors.ts';
import type { Container } from './container.ts';
import { assertSample } from './sample.ts';
import type { Sample } from './sample.ts';
import type { Entry } from './shard.ts';
import { webdataset } from './webdataset.ts';

// https://parquet.apache.org/docs/file-format/, and for the images
// https://huggingface.co/docs/datasets/image_dataset#parquet

/** A row group is in memory as it is written and read, two or three times; loaders take one at a time as well. */
const rowGroupBytes = 32 * 1024 ** 2;

/** The largest image, which is a row group by itself. */
const maxImageBytes = 256 * 1024 ** 2;

/** Columns besides the image: how they are stored, and what `datasets` calls their type. `size` is that of the image, in bytes. */
const columns = {
  size: ['INT_32', 'int32'],
  id: ['UTF8', 'string'],
  customer: ['UTF8', 'string'],
  createdAt: ['TIMESTAMP_MILLIS', 'timestamp[ms, tz=UTC]'],
  mediaType: ['UTF8', 'string'],
  width: ['INT_32', 'int32'],
  height: ['INT_32', 'int32'],
  sha256: ['UTF8', 'string'],
  topic: ['UTF8', 'string'],
  partition: ['INT_32', 'int32'],
  offset: ['INT_64', 'int64'],
  headers: ['JSON', 'string'],
} as const satisfies Record<keyof Sample | 'size', readonly [SchemaElement['converted_type'], string]>;

const physical = {
  UTF8: 'BYTE_ARRAY',
  JSON: 'BYTE_ARRAY',
  INT_32: 'INT32',
  INT_64: 'INT64',
  TIMESTAMP_MILLIS: 'INT64',
} as const;

const names = Object.keys(columns) as (keyof typeof columns)[];

const schema: SchemaElement[] = [
  { name: 'schema', num_children: 1 + names.length },
  { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' },
  { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
  { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
  ...names.map((name): SchemaElement => {
    const [converted_type] = columns[name];
    return { name, type: physical[converted_type], converted_type, repetition_type: 'OPTIONAL' };
  }),
];

const features = {
  image: { _type: 'Image' },
  ...Object.fromEntries(names.map((name) => [name, { dtype: columns[name][1], _type: 'Value' }])),
};

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
  async write(file, entries, target) {
    // Loaded for those who want it.
    const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
    const output = await open(target, 'w');
    try {
      const bytes = new ByteWriter();
      const writer = new ParquetWriter({
        writer: bytes,
        schema,
        codec: 'UNCOMPRESSED',
        createdBy: 'image-stream',
        kvMetadata: [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }],
      });
      const flush = async (): Promise<void> => {
        await output.appendFile(bytes.getBytes());
        bytes.index = 0;
      };
      for await (const rows of rowGroups(await fileSource(file.path), entries)) {
        void writer.write({ columnData: columnData(rows), rowGroupSize: rows.length });
        await flush();
      }
      void writer.finish();
      await flush();
    } finally {
      await output.close();
    }
    return target;
  },
  async *read(shard) {
    const { metadata, rows } = await openParquet(shard);
    let start = 0;
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows);
      const first = start;
      let images: Promise<Uint8Array[]> | undefined;
      const imageAt = async (index: number): Promise<Uint8Array> => {
        images ??= rows(['image'], first, end).then((all) => all.map(bytesOf));
        return (await images)[index]!;
      };
      for (const [index, row] of (await rows(names, first, end)).entries()) {
        const content = {
          size: Number(row['size']),
          read: async (from: number, to: number) => (await imageAt(index)).subarray(from, to),
        };
        yield { sample: toSample(row), name: String(row['id']), place: String(first + index), content };
      }
      start = end;
    }
  },
  async open(shard, place) {
    const { rows } = await openParquet(shard);
    const [row] = await rows(['image'], Number(place), Number(place) + 1);
    return byteSource(bytesOf(row!));
  },
  async lastOffset(shard) {
    const { metadata, rows } = await openParquet(shard);
    const count = Number(metadata.num_rows);
    const [last] = await rows(['offset'], count - 1, count);
    return Number(last!['offset']);
  },
};

type Row = Readonly<Record<string, unknown>>;

/** An image, and what is said of it. */
interface Read {
  readonly sample: Sample;
  readonly name: string;
  readonly image: Uint8Array;
}

/** Some of the samples of a finished archive, as many at once as fit a row group. */
async function* rowGroups(archive: ByteSource, entries: readonly Entry[]): AsyncGenerator<Read[]> {
  const wanted = new Set(entries.map(({ offset }) => offset));
  let rows: Read[] = [];
  let bytes = 0;
  for await (const { sample, name, content } of webdataset.read(archive)) {
    if (!wanted.has(sample.offset)) {
      continue;
    }
    if (rows.length > 0 && bytes + content.size > rowGroupBytes) {
      yield rows;
      [rows, bytes] = [[], 0];
    }
    // What was read ahead for it is not to be kept.
    rows.push({ sample, name, image: Uint8Array.from(await content.read(0, content.size)) });
    bytes += content.size;
  }
  if (rows.length > 0) {
    yield rows;
  }
}

function columnData(rows: readonly Read[]): ColumnSource[] {
  return [
    {
      name: 'image',
      data: rows.map(({ image, name }) => ({ bytes: image, path: name })),
      // Of bytes that are all different, neither a dictionary nor the least and the most of them is of any use.
      encoding: 'PLAIN',
      statistics: false,
    },
    ...names.map((name) => ({ name, data: rows.map((row) => valueOf(row, name)), codec: 'SNAPPY' as const })),
  ];
}

function valueOf({ sample, image }: Read, name: (typeof names)[number]): unknown {
  switch (name) {
    case 'size':
      return image.length;
    case 'createdAt':
      return new Date(sample.createdAt);
    case 'offset':
      return BigInt(sample.offset);
    default:
      return sample[name];
  }
}

/** @throws Error for what is no such shard */
async function openParquet(shard: ByteSource) {
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const file = {
    byteLength: shard.size,
    slice: async (start: number, end = shard.size) => {
      const bytes = await shard.read(start, end);
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    },
  };
  const metadata = await parquetMetadataAsync(file);
  return {
    metadata,
    rows: (wanted: readonly string[], rowStart: number, rowEnd: number): Promise<Row[]> =>
      parquetReadObjects({
        file,
        metadata,
        columns: [...wanted],
        rowStart,
        rowEnd,
        utf8: false,
        useOffsetIndex: true,
      }),
  };
}

function bytesOf({ image }: Row): Uint8Array {
  return (image as { readonly bytes: Uint8Array }).bytes;
}

function toSample(row: Row): Sample {
  const { size: _size, ...said } = row;
  const [createdAt, offset] = [(row['createdAt'] as Date).toISOString(), Number(row['offset'])];
  return assertSample({ ...said, createdAt, offset });
}
