import type { Opened, Sink, SinkReader } from '../sink.ts';
import type { Container } from './container.ts';
import { parquet } from './parquet.ts';
import { shardReader } from './shard-reader.ts';
import { createShardSink, maxFull } from './shard-sink.ts';
import type { ShardLimits } from './shard-sink.ts';
import { webdataset } from './webdataset.ts';

/** How images are laid out: a file each, or many in a shard. */
export const layouts = ['files', 'webdataset', 'parquet'] as const;
export type Layout = (typeof layouts)[number];

const containers: Record<Exclude<Layout, 'files'>, Container> = { webdataset, parquet };

/** The most that shards which are not durable yet take on the local disk; a table is written beside the archive in which it grew. */
export function maxOpenBytes(layout: Layout, { shardBytes }: Pick<ShardLimits, 'shardBytes'>): number {
  return maxFull * shardBytes * (layout === 'parquet' ? 2 : 1);
}

/** A sink that keeps images in the layout, where `opened` keeps files. */
export function inLayout(layout: Layout, { sink, workspace }: Opened, limits: ShardLimits): Sink {
  return layout === 'files' ? sink : createShardSink(sink, workspace, containers[layout], limits);
}

/** The images that are kept in a layout, for who only looks. */
export function readLayout(layout: Layout, reader: SinkReader): SinkReader {
  return layout === 'files' ? reader : shardReader(reader, containers[layout]);
}
