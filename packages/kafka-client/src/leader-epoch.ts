import { byteReader } from './byte-reader.ts';
import type { Broker } from './kafkajs-parts.ts';
import { encoded } from './metadata.ts';

const offsetForLeaderEpochKey = 23;

/** The first one that any consumer may send, since Kafka 2.3. */
const version = 3;

/** Where the log of an epoch ends, by a leader's knowledge. */
export interface EpochEnd {
  readonly errorCode: number;
  /** The largest epoch up to the one that was asked for; -1 where the leader knows of none. */
  readonly leaderEpoch: number;
  /** The offset after its last record; -1 where it is not known. */
  readonly endOffset: bigint;
}

/**
 * Asks the leader of a partition where the records of an epoch end. Where that is before a position that was read in that epoch,
 * records were lost in an election, and others have their offsets now (KIP-320).
 *
 * @returns undefined where the broker is too old to tell
 */
export async function askEpochEnd(
  broker: Broker,
  topic: string,
  partition: number,
  leaderEpoch: number,
): Promise<EpochEnd | undefined> {
  const { maxVersion = 0, minVersion = 0 } = broker.versions?.[offsetForLeaderEpochKey] ?? {};
  if (maxVersion < version || minVersion > version) {
    return undefined;
  }
  return broker.connectionPool.send({
    request: {
      apiKey: offsetForLeaderEpochKey,
      apiVersion: version,
      apiName: 'OffsetForLeaderEpoch',
      encode: async () => encoded(requestBody(topic, partition, leaderEpoch)),
    },
    response: { decode: async (payload) => readEpochEnd(payload), parse: async (data) => data },
  });
}

/** replica id 4 | topics: name, partitions: partition 4, current leader epoch 4, leader epoch 4 */
function requestBody(topic: string, partition: number, leaderEpoch: number): Buffer {
  const name = Buffer.from(topic);
  const body = Buffer.alloc(4 + 4 + 2 + name.length + 4 + 12);
  let position = body.writeInt32BE(-1, 0);
  position = body.writeInt32BE(1, position);
  position = body.writeInt16BE(name.length, position);
  position += name.copy(body, position);
  for (const value of [1, partition, -1, leaderEpoch]) {
    position = body.writeInt32BE(value, position);
  }
  return body;
}

function readEpochEnd(payload: Buffer): EpochEnd {
  const reader = byteReader(payload);
  reader.int32();
  const [end] = reader
    .array(() => {
      reader.string();
      return reader.array(() => {
        const errorCode = reader.int16();
        reader.int32();
        return { errorCode, leaderEpoch: reader.int32(), endOffset: reader.int64() };
      });
    })
    .flat();
  return end!;
}
