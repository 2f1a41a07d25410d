import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of a request: it goes on; it was answered already; or it goes on, and the answer to it is lost with the connection. */
export type Passage = 'pass' | 'answered' | 'lose answer';

/** Decides what becomes of a request. */
export type Fate = (incoming: IncomingMessage, response: ServerResponse) => Passage | Promise<Passage>;

/** Something between clients and a server, to be disturbed by a test. */
interface S3Proxy {
  readonly endpoint: string;
  close(): void;
}

/** Starts a proxy before a server. Signatures stay good, as the clients name the host that they see. */
export async function startS3Proxy(endpoint: string, fate: Fate): Promise<S3Proxy> {
  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const passage = await fate(incoming, response);
    if (passage === 'answered') {
      incoming.resume();
      return;
    }
    const { method, url, headers } = incoming;
    const onward = request(endpoint + url, { method, headers }, (answer) => {
      if (passage === 'lose answer') {
        answer.resume().once('end', () => incoming.socket.destroy());
        return;
      }
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    onward.once('error', () => incoming.socket.destroy());
    incoming.pipe(onward);
  }

  const server = createServer((incoming, response) => void pass(incoming, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Answers as S3 does when it does not do what it is asked for. */
export function refuse(response: ServerResponse, status: number, code: string): 'answered' {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>so it is</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', 'x-amz-request-id': '1' }).end(body);
  return 'answered';
}
