import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { startKafka } from '@image-stream/local-kafka';
import fc from 'fast-check';
import kafkajs from 'kafkajs';
import type { IHeaders, Message } from 'kafkajs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ensureTopic } from '@image-stream/kafka-config';
import { createTopicReader } from './index.ts';

/*
 * The parts of the client that patches/ changes, beside those of release 2.2.3, which is not patched and whose formats
 * are the same: its files of `protocol/` are those of 2.2.4 to the byte.
 */
const require = createRequire(import.meta.url);

interface Encoder {
  readonly buffer: Buffer;
  readonly buffers: readonly Buffer[];
  size(): number;
}

type EncodeRequest = (options: object) => Promise<Encoder>;

const encodeRequest = (client: string): EncodeRequest => require(`${client}/src/protocol/request`);
const produceRequest = (client: string): ((options: object) => object) =>
  require(`${client}/src/protocol/requests/produce/v7/request`);

function encode(client: string, messages: Message[]): Promise<Encoder> {
  const partitions = [{ partition: 3, messages }];
  const request = produceRequest(client)({
    acks: -1,
    timeout: 30_000,
    topicData: [{ topic: 'data-stream', partitions }],
  });
  return encodeRequest(client)({ correlationId: 7, clientId: 'image-stream', request });
}

/** Sizes on both sides of those at which the encoders change their ways. */
const bytes = fc
  .oneof(fc.nat(300), fc.integer({ min: 16_300, max: 16_500 }), fc.constantFrom(65_536, 1_000_003))
  .chain((length) => fc.nat(255).map((value) => Buffer.alloc(length, value)));

const message = fc.record({
  key: fc.option(fc.oneof(fc.string(), bytes), { nil: null }),
  value: fc.option(bytes, { nil: null }),
  timestamp: fc.integer({ min: 1_600_000_000_000, max: 1_800_000_000_000 }).map(String),
  headers: fc.dictionary(fc.string(), fc.oneof(fc.string(), bytes)),
}) satisfies fc.Arbitrary<Message>;

test('the patched client writes the same bytes as the unpatched one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 4 }), async (messages) => {
      const [patched, unpatched] = [
        await encode('kafkajs', messages),
        await encode('kafkajs-unpatched', messages),
      ];
      expect(patched.size()).toBe(unpatched.size());
      expect(patched.buffer.equals(unpatched.buffer)).toBe(true);
      expect(Buffer.concat(patched.buffers).equals(unpatched.buffer)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('a large value is sent as it is, without a copy', async () => {
  const value = Buffer.alloc(6_220_800, 1);
  const { buffers } = await encode('kafkajs', [{ key: 'id', value }]);
  expect(buffers.includes(value)).toBe(true);
  expect(buffers).toHaveLength(3);
});

test('headers are written as they are, those without a value too', async () => {
  const headers = {
    none: null,
    empty: Buffer.alloc(0),
    repeated: [Buffer.from('1'), null, Buffer.from('2'), null],
  };
  const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => Encoder;
  const decodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0/decoder') as (
    decoder: object,
    batch: object,
  ) => { readonly headers: object };
  const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => {
    readVarIntBytes(): Buffer;
  };
  const { buffer } = encodeRecord({ key: null, value: null, headers });
  const record = new Decoder(buffer).readVarIntBytes();
  const decoded = decodeRecord(new Decoder(record), { firstOffset: 0, firstTimestamp: 0 });
  expect(Object.entries(decoded.headers)).toEqual(Object.entries(headers));
  const all = await encode('kafkajs', [{ value: null, headers: headers as unknown as IHeaders }]);
  expect(all.buffer).toHaveLength(all.size());
});

interface ResponseReader {
  readonly free: Buffer;
  wrote(length: number): void;
  copy(data: Buffer): void;
}

function readerInto(responses: Buffer[]): ResponseReader {
  const Reader = require('kafkajs/src/network/responseReader') as new (
    onResponse: (response: Buffer) => void,
  ) => ResponseReader;
  return new Reader((response) => responses.push(response));
}

test('responses are put together however they arrive', () => {
  const sizes = fc.array(fc.integer({ min: 4, max: 200 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(sizes, fc.infiniteStream(fc.integer({ min: 1, max: 90 })), (lengths, steps) => {
      const sent = lengths.map((length, index) => Buffer.alloc(length, index + 1));
      const stream = Buffer.concat(sent.flatMap((response) => [sizeOf(response.length), response]));
      const copied: Buffer[] = [];
      const copying = readerInto(copied);
      const read: Buffer[] = [];
      const reading = readerInto(read);
      for (let start = 0; start < stream.length;) {
        const piece = stream.subarray(start, start + steps.next().value);
        copying.copy(piece);
        start += piece.length;
      }
      for (let start = 0; start < stream.length;) {
        const length = stream.copy(reading.free, 0, start, start + steps.next().value);
        reading.wrote(length);
        start += length;
      }
      expect(copied).toEqual(sent);
      expect(read).toEqual(sent);
    }),
  );
});

test.each([3, 0, -1, Buffer.from('HTTP').readInt32BE(), 0x20000000])(
  'a response of %i bytes is refused',
  (size) => {
    expect(() => readerInto([]).copy(sizeOf(size))).toThrow(`A response cannot have ${size} bytes`);
  },
);

test('what a closed connection still receives does not reach the one that replaced it', async () => {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('data', (request) => {
      // The answer: its size, the correlation id, and four bytes more.
      const answer = Buffer.concat([sizeOf(8), request.subarray(8, 12), Buffer.from('late')]);
      setImmediate(() => {
        const [first] = sockets as [Socket];
        const answerNow = (): void => void socket.write(answer);
        first.end(answer.subarray(0, 6));
        // On a slow machine it may be closed already.
        if (first.closed) {
          answerNow();
        } else {
          first.once('close', answerNow);
        }
      });
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const connection = connectionTo((server.address() as AddressInfo).port);
  onTestFinished(async () => void (await connection.disconnect()));

  await connection.connect();
  await connection.disconnect();
  await connection.connect();
  const response = await connection.send({
    request: { apiKey: 18, apiVersion: 0, apiName: 'ApiVersions', encode: () => emptyEncoder() },
    response: { decode: (payload) => Promise.resolve(payload), parse: (payload) => Promise.resolve(payload) },
  });

  expect(String(response)).toBe('late');
});

test('no timer is set for the past, of which Node 24 warns, and none wakes the program up every millisecond', async () => {
  const broker = await startKafka();
  onTestFinished(() => broker.stop());
  const kafka = new kafkajs.Kafka({ brokers: [broker.bootstrapServers], logLevel: 0 });
  const timers = vi.spyOn(globalThis, 'setTimeout');
  onTestFinished(() => timers.mockRestore());

  const admin = kafka.admin();
  await admin.connect();
  await ensureTopic(admin, 'photos', { maxMessageBytes: 1_000_000 });
  await admin.disconnect();
  const reader = await createTopicReader(kafka, 'photos');
  await reader.fetch(new Map([[0, 0n]]));
  await reader.close();

  const delays = timers.mock.calls.map(([, delay]) => delay ?? 0);
  // Of how long a connection may take, among others.
  expect(Math.max(...delays)).toBeGreaterThanOrEqual(1000);
  expect(delays.filter((delay) => delay <= 1)).toEqual([]);
});

interface Connection {
  connect(): Promise<boolean>;
  disconnect(): Promise<boolean>;
  send(protocol: {
    readonly request: object;
    readonly response: Record<'decode' | 'parse', (payload: Buffer) => Promise<Buffer>>;
  }): Promise<Buffer>;
}

function connectionTo(port: number): Connection {
  const Connection = require('kafkajs/src/network/connection') as new (options: object) => Connection;
  const silent = { info() {}, error() {}, warn() {}, debug() {}, namespace: () => silent };
  const socketFactory = (require('kafkajs/src/network/socketFactory') as () => unknown)();
  return new Connection({
    host: '127.0.0.1',
    port,
    logger: silent,
    socketFactory,
    requestTimeout: 5000,
    connectionTimeout: 5000,
  });
}

function emptyEncoder(): Promise<object> {
  const Encoder = require('kafkajs/src/protocol/encoder') as new () => object;
  return Promise.resolve(new Encoder());
}

function sizeOf(length: number): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(length);
  return size;
}
