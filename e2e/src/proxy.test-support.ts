import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** Kafka's numbers of the requests that carry records: https://kafka.apache.org/protocol#protocol_api_keys */
export const produceKey = 0;
export const fetchKey = 1;

/** A request on its way to the broker, or the answer to it. */
export interface Frame {
  readonly kind: 'request' | 'response';
  /** Which request it is, or answers. */
  readonly apiKey: number;
  /** Without its length. */
  readonly bytes: Buffer;
}

/** Decides what becomes of a frame; it may change the bytes. @returns false to lose it, and the connection with it */
type Fate = (frame: Frame) => boolean;

export interface Proxy {
  readonly port: number;
  /** Where its clients get to. */
  serve(brokerPort: number): void;
  /** Default: every frame passes. */
  setFate(fate: Fate): void;
  close(): void;
}

/** A proxy between clients and a broker, which understands where requests and answers begin and end. */
export async function startProxy(): Promise<Proxy> {
  let brokerPort: number;
  const sockets = new Set<Socket>();
  let fate: Fate = () => true;
  const server = createServer((client) => {
    join(client, connect(brokerPort, '127.0.0.1'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  function join(client: Socket, upstream: Socket): void {
    /** By correlation id, what the broker has been asked. */
    const asked = new Map<number, number>();
    const close = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', close).on('close', close);
    }
    forward(client, upstream, (bytes) => {
      const apiKey = bytes.readInt16BE(0);
      asked.set(bytes.readInt32BE(4), apiKey);
      return fate({ kind: 'request', apiKey, bytes });
    });
    forward(upstream, client, (bytes) =>
      fate({ kind: 'response', apiKey: asked.get(bytes.readInt32BE(0))!, bytes }),
    );

    function forward(from: Socket, to: Socket, passes: (bytes: Buffer) => boolean): void {
      onFrame(from, (bytes) => {
        if (!passes(bytes)) {
          close();
          return;
        }
        const length = Buffer.alloc(4);
        length.writeInt32BE(bytes.length);
        to.write(Buffer.concat([length, bytes]));
      });
    }
  }

  return {
    port: (server.address() as AddressInfo).port,
    serve: (port) => {
      brokerPort = port;
    },
    setFate: (chosen) => {
      fate = chosen;
    },
    close: () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

/** Each frame begins with its length, in four bytes. */
function onFrame(socket: Socket, take: (bytes: Buffer) => void): void {
  let buffered: Buffer = Buffer.alloc(0);
  socket.on('data', (data: Buffer) => {
    buffered = Buffer.concat([buffered, data]);
    while (buffered.length >= 4 && buffered.length >= 4 + buffered.readInt32BE(0)) {
      const end = 4 + buffered.readInt32BE(0);
      take(buffered.subarray(4, end));
      buffered = buffered.subarray(end);
    }
  });
}
