import type { S3Client } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import type { HttpRequest } from '@smithy/types';

/** An object to put, in one request. */
export interface PutRequest {
  /** As it is in the bucket. */
  readonly key: string;
  readonly bytes: Uint8Array;
  /** In lower case; those of the signature are added. `x-amz-content-sha256` is among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly abortSignal: AbortSignal;
}

/** A request of the client, as far as it tells where a bucket is. */
export type Template = Pick<HttpRequest, 'method' | 'protocol' | 'hostname' | 'port' | 'path' | 'query'>;

/**
 * Puts objects as the client does, with its own signature and connections, but without the thirty steps in which it makes a request out of a
 * command: those take longer than all else that is done for a small image. Where the bucket is, the first request of the client itself tells.
 */
export function createDirectPut(client: S3Client) {
  const { config } = client;
  let place: (Omit<Template, 'path'> & { readonly prefix: string }) | undefined;
  const signer = new SignatureV4({
    credentials: config.credentials,
    region: config.region,
    service: 's3',
    sha256: config.sha256,
    uriEscapePath: false,
  });

  return {
    /** Learns from a request with which the client puts an object. */
    learn(request: Template, key: string): void {
      const isPut = request.method === 'PUT' && request.query?.['x-id'] === 'PutObject';
      if (place === undefined && isPut && request.path.endsWith(`/${encodeKey(key)}`)) {
        const { method, protocol, hostname, port, query = {}, path } = request;
        const prefix = path.slice(0, -encodeKey(key).length);
        place = { method, protocol, hostname, query, prefix, ...(port !== undefined && { port }) };
      }
    },
    /** @returns the status of the answer; undefined before the client has put anything by itself, and nothing is sent */
    async put({ key, bytes, headers, abortSignal }: PutRequest): Promise<number | undefined> {
      if (place === undefined) {
        return undefined;
      }
      const { prefix, ...where } = place;
      const host = where.port === undefined ? where.hostname : `${where.hostname}:${where.port}`;
      const request = await signer.sign(
        {
          ...where,
          path: prefix + encodeKey(key),
          headers: { ...headers, host, 'content-length': String(bytes.length) },
          body: bytes,
        },
        { signingDate: new Date(Date.now() + config.systemClockOffset) },
      );
      const { response } = await config.requestHandler.handle(request as never, { abortSignal });
      // So that the connection can be used again.
      (response.body as { resume?(): void } | undefined)?.resume?.();
      return response.statusCode;
    },
  };
}

/** As RFC 3986 has it, which is what is signed. */
function encodeKey(key: string): string {
  return encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}
