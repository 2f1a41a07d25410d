import type { SchemaElement } from 'hyparquet';
import type { ColumnSource } from 'hyparquet-writer';
import { assertSample } from './sample.ts';
import type { Sample } from './sample.ts';

// https://parquet.apache.org/docs/file-format/, and for the images
// https://huggingface.co/docs/datasets/image_dataset#parquet

/** A row of a table, without the bytes of its image. */
export interface TableRow {
  readonly sample: Sample;
  /** Of the image, as a file of an archive. */
  readonly name: string;
  /** Of the image, in bytes. */
  readonly size: number;
}

/** Columns besides the image: how they are stored, and what `datasets` calls their type. */
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

/** Columns besides the image. */
export const columnNames = Object.keys(columns) as (keyof typeof columns)[];

/** Where the bytes of images are. */
export const imagePath = ['image', 'bytes'];

/** Of a table; without the bytes of images, which are written in another way, if `withBytes` is false. */
export function schemaOf({ withBytes }: { readonly withBytes: boolean }): SchemaElement[] {
  const bytes: SchemaElement = { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' };
  return [
    { name: 'schema', num_children: 1 + columnNames.length },
    { name: 'image', num_children: withBytes ? 2 : 1, repetition_type: 'OPTIONAL' },
    ...(withBytes ? [bytes] : []),
    { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
    ...columnNames.map((name): SchemaElement => {
      const [converted_type] = columns[name];
      return { name, type: physical[converted_type], converted_type, repetition_type: 'OPTIONAL' };
    }),
  ];
}

/** With which `datasets` reads the column of images as such. */
export const features: string = JSON.stringify({
  info: {
    features: {
      image: { _type: 'Image' },
      ...Object.fromEntries(columnNames.map((name) => [name, { dtype: columns[name][1], _type: 'Value' }])),
    },
  },
});

/** What is written of a row group besides the bytes of images. */
export function columnData(rows: readonly TableRow[]): ColumnSource[] {
  return [
    { name: 'image', data: rows.map(({ name }) => ({ path: name })) },
    ...columnNames.map((name) => ({ name, data: rows.map((row) => valueOf(row, name)) })),
  ];
}

function valueOf({ sample, size }: TableRow, name: keyof typeof columns): unknown {
  switch (name) {
    case 'size':
      return size;
    case 'createdAt':
      return new Date(sample.createdAt);
    case 'offset':
      return BigInt(sample.offset);
    default:
      return sample[name];
  }
}

/** What was written. @throws Error for what is no row of such a table */
export function toSample(row: Readonly<Record<string, unknown>>): Sample {
  const { size: _size, ...said } = row;
  const [createdAt, offset] = [(row['createdAt'] as Date).toISOString(), Number(row['offset'])];
  return assertSample({ ...said, createdAt, offset });
}
