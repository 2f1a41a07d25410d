import { byteReader } from './byte-reader.ts';
import type { Broker, ClusterMetadata, ProtocolRequest, TopicMetadata } from './kafkajs-parts.ts';

const metadataKey = 3;

/** The first version with topic ids. */
const idVersion = 10;

/**
 * Asks a broker about a topic. Unlike kafkajs, it asks for the topic's id, and a topic or partition that has an error does not
 * hide the others.
 */
export async function askMetadata(broker: Broker, topic: string): Promise<ClusterMetadata> {
  const { maxVersion = 0 } = broker.versions?.[metadataKey] ?? {};
  if (maxVersion >= idVersion) {
    return broker.connectionPool.send(metadataRequest(topic));
  }
  let answer: ClusterMetadata | undefined;
  await sendInstead(broker, (request) => ({
    ...request,
    response: {
      ...request.response,
      parse: async (data) => {
        answer = data as ClusterMetadata;
        return data;
      },
    },
  })).metadata([topic]);
  return answer!;
}

/** A broker whose requests are changed on their way. */
export function sendInstead(
  broker: Broker,
  change: <T>(request: ProtocolRequest<T>) => ProtocolRequest<T>,
): Broker {
  const { connectionPool } = broker;
  const changed = Object.create(connectionPool, {
    send: { value: (request: ProtocolRequest<unknown>) => connectionPool.send(change(request)) },
  }) as Broker['connectionPool'];
  return Object.create(broker, { connectionPool: { value: changed } }) as Broker;
}

/** Metadata request, version 10, of the flexible ones: https://kafka.apache.org/protocol#The_Messages_Metadata */
function metadataRequest(topic: string): ProtocolRequest<ClusterMetadata> {
  const name = Buffer.from(topic);
  const noTags = 0;
  const topicId = Buffer.alloc(16);
  const body = Buffer.concat([
    Buffer.from([noTags]),
    // One topic: arrays and strings have their length plus one in front.
    Buffer.from([2]),
    topicId,
    uvarint(name.length + 1),
    name,
    Buffer.from([noTags]),
    // Neither create it nor tell what this user may do.
    Buffer.from([0, 0, 0, noTags]),
  ]);
  return {
    request: {
      apiKey: metadataKey,
      apiVersion: idVersion,
      apiName: 'Metadata',
      encode: async () => encoded(body),
    },
    response: { decode: async (payload) => readMetadata(payload), parse: async (data) => data },
  };
}

function readMetadata(payload: Buffer): ClusterMetadata {
  const reader = byteReader(payload);
  reader.tags();
  reader.int32();
  const brokers = reader.compactArray(() => {
    const broker = {
      nodeId: reader.int32(),
      host: reader.compactString()!,
      port: reader.int32(),
      rack: reader.compactString(),
    };
    reader.tags();
    return broker;
  });
  reader.compactString();
  const controllerId = reader.int32();
  const topicMetadata = reader.compactArray((): TopicMetadata => {
    const topicErrorCode = reader.int16();
    const topic = reader.compactString()!;
    const topicId = reader.bytes(16).toString('base64url');
    reader.int8();
    const partitionMetadata = reader.compactArray(() => {
      const partition = {
        partitionErrorCode: reader.int16(),
        partitionId: reader.int32(),
        leader: reader.int32(),
        leaderEpoch: reader.int32(),
      };
      for (let lists = 3; lists > 0; lists -= 1) {
        reader.compactArray(() => reader.int32());
      }
      reader.tags();
      return partition;
    });
    reader.int32();
    reader.tags();
    return { topicErrorCode, topic, topicId, partitionMetadata };
  });
  return { brokers, controllerId, topicMetadata };
}

function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) {
      return Buffer.from([...bytes, rest]);
    }
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** As an encoder of kafkajs, of which this is what the writer of requests uses. */
export function encoded(body: Buffer): {
  buf: Buffer;
  buffer: Buffer;
  buffers: Buffer[];
  size: () => number;
} {
  return { buf: body, buffer: body, buffers: [body], size: () => body.length };
}
