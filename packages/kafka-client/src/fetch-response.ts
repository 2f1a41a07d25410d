import { byteReader } from './byte-reader.ts';
import { DamagedBatchError, readBatches } from './record-batch.ts';
import type { Checksum, Codecs, FetchedRecord, RecordBatch } from './record-batch.ts';

/** What a fetch brought of a partition. */
export interface PartitionData {
  readonly partition: number;
  /** 0 where nothing is wrong: https://kafka.apache.org/protocol#protocol_error_codes */
  readonly errorCode: number;
  /** The offset after the last record that all in-sync replicas have. */
  readonly highWatermark: bigint;
  /** The offset of the first record of a transaction that is still open; the high watermark where none is. */
  readonly lastStableOffset: bigint;
  /** Which broker to ask for this partition instead; -1 for none. */
  readonly preferredReadReplica: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
  readonly bytes: Buffer;
}

interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** Fetch responses of versions 4 to 11, those that kafkajs asks for. */
export function readFetchResponse(response: Buffer, version: number): PartitionData[] {
  const reader = byteReader(response);
  reader.int32();
  if (version >= 7) {
    // The session's error and id: no session is asked for.
    reader.int16();
    reader.int32();
  }
  return reader
    .array(() => {
      reader.string();
      return reader.array((): PartitionData => {
        const partition = reader.int32();
        const errorCode = reader.int16();
        const highWatermark = reader.int64();
        const lastStableOffset = reader.int64();
        if (version >= 5) {
          reader.int64();
        }
        const abortedTransactions = reader.array(() => ({
          producerId: reader.int64(),
          firstOffset: reader.int64(),
        }));
        const preferredReadReplica = version >= 11 ? reader.int32() : -1;
        const bytes = reader.bytes(Math.max(0, reader.int32()));
        return {
          partition,
          errorCode,
          highWatermark,
          lastStableOffset: lastStableOffset < 0n ? highWatermark : lastStableOffset,
          preferredReadReplica,
          abortedTransactions,
          bytes,
        };
      });
    })
    .flat();
}

/** The records of a fetch from an offset on, and what comes after them. */
export interface FetchedRecords {
  readonly records: FetchedRecord[];
  /** The offset to go on at: after the last whole batch, whatever is left of it. */
  readonly next: bigint;
  /** Of the last batch; -1 where none came, or an old one. */
  readonly leaderEpoch: number;
}

/**
 * Takes the records out of their batches. Aborted transactions are left out where the broker named them, which it does for
 * `read_committed`: a batch belongs to one if its producer has an aborted transaction that begins at or before it and whose
 * mark has not come yet.
 *
 * @param from records before this are left out: a batch comes whole
 * @throws DamagedBatchError where the first batch is damaged; the others end before a damaged one
 */
export async function recordsOf(
  { bytes, abortedTransactions }: Pick<PartitionData, 'bytes' | 'abortedTransactions'>,
  from: bigint,
  codecs: Codecs,
  checksum: Checksum,
): Promise<FetchedRecords> {
  const aborted = abortedTransactions.toSorted((one, other) =>
    one.firstOffset < other.firstOffset ? -1 : 1,
  );
  const abortedProducers = new Set<bigint>();
  const records: FetchedRecord[] = [];
  let next = from;
  let leaderEpoch = -1;

  for (const batch of untilDamaged(bytes, checksum)) {
    while (aborted.length > 0 && aborted[0]!.firstOffset <= batch.lastOffset) {
      abortedProducers.add(aborted.shift()!.producerId);
    }
    if (batch.mark === 'abort') {
      abortedProducers.delete(batch.producerId);
    }
    const isAborted = batch.isTransactional && abortedProducers.has(batch.producerId);
    if (batch.mark === undefined && !isAborted && batch.lastOffset >= from) {
      for (const record of await batch.records(codecs)) {
        if (BigInt(record.offset) >= from) {
          records.push(record);
        }
      }
    }
    if (batch.lastOffset >= next) {
      next = batch.lastOffset + 1n;
      leaderEpoch = batch.leaderEpoch;
    }
  }
  return { records, next, leaderEpoch };
}

/** The whole batches before the first damaged one, which throws only where it comes first. */
function* untilDamaged(bytes: Buffer, checksum: Checksum): Generator<RecordBatch> {
  let isFirst = true;
  try {
    for (const batch of readBatches(bytes, checksum)) {
      yield batch;
      isFirst = false;
    }
  } catch (error) {
    if (isFirst || !(error instanceof DamagedBatchError)) {
      throw error;
    }
  }
}
