import { connect } from 'node:net';

const METADATA_API_KEY = 3;
// The last version with a plain, untagged encoding that also has everything needed here.
const METADATA_VERSION = 1;
const CORRELATION_ID = 1;

/**
 * Asks the broker on that PLAINTEXT port of 127.0.0.1 which brokers serve in its cluster, by id. Rejects when
 * nothing answers as Kafka does. In KRaft mode a broker is in the answer once it is registered and unfenced.
 */
export async function fetchBrokerIds(port: number, timeoutMs: number): Promise<number[]> {
  return parseBrokerIds(await exchange(port, metadataRequest(), timeoutMs));
}

// https://kafka.apache.org/protocol#The_Messages_Metadata
function metadataRequest(): Buffer {
  const request = Buffer.alloc(18);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(METADATA_API_KEY, 4);
  request.writeInt16BE(METADATA_VERSION, 6);
  request.writeInt32BE(CORRELATION_ID, 8);
  request.writeInt16BE(-1, 12); // no client id
  request.writeInt32BE(0, 14); // no topics
  return request;
}

function parseBrokerIds(response: Buffer): number[] {
  if (response.readInt32BE(4) !== CORRELATION_ID) {
    throw new Error('The answer is not that of a Kafka broker');
  }
  const brokerIds: number[] = [];
  let offset = 12;
  for (let count = response.readInt32BE(8); count > 0; count--) {
    brokerIds.push(response.readInt32BE(offset));
    offset += 4;
    offset += 2 + response.readInt16BE(offset); // host
    offset += 4; // port
    offset += 2 + Math.max(0, response.readInt16BE(offset)); // rack, of length -1 if there is none
  }
  return brokerIds;
}

async function exchange(port: number, request: Buffer, timeoutMs: number): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const fail = (problem: string) => socket.destroy(new Error(`127.0.0.1:${port} ${problem}`));
    const timer = setTimeout(() => fail(`did not answer within ${timeoutMs} ms`), timeoutMs);
    let received: Buffer = Buffer.alloc(0);
    socket.once('connect', () => socket.write(request));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        resolve(received);
        socket.destroy();
      }
    });
    socket.once('end', () => fail('closed the connection'));
    socket.once('error', reject);
    socket.once('close', () => clearTimeout(timer));
  });
}
