import { readFile } from 'node:fs/promises';
import type { SASLOptions } from 'kafkajs';
import { KafkaConfigError } from './errors.ts';

const property = 'sasl.oauthbearer.token.endpoint.url';

/** What kafkajs gives an authenticator, which its types do not declare: one round of a login. */
interface LoginRound {
  readonly saslAuthenticate: (round: {
    readonly request: { readonly encode: () => Buffer };
    readonly response: { readonly decode: (raw: Buffer) => string; readonly parse: (text: string) => void };
  }) => Promise<void>;
}

/**
 * OAUTHBEARER with the token in a file. The file is read at every login, which is once for each connection and again
 * before the broker ends its session: whoever issues tokens replaces them there before they expire.
 *
 * The authenticator is ours because that of kafkajs takes a refusal for a success: the broker refuses a token in an
 * answer without an error code (RFC 7628, 3.2.3), and then closes the connection.
 *
 * @throws KafkaConfigError `UNREADABLE_FILE` when there is no token; a login: `AUTHENTICATION_FAILED`
 */
export async function oauthBearer(tokenFile: string): Promise<SASLOptions> {
  // A file that is not there is the user's mistake, to be told before a broker is asked.
  await readToken(tokenFile);
  const authenticationProvider = ({ saslAuthenticate }: LoginRound) => ({
    authenticate: async () => {
      const token = await readToken(tokenFile);
      await saslAuthenticate({
        request: { encode: () => lengthPrefixed(`n,,\u0001auth=Bearer ${token}\u0001\u0001`) },
        response: {
          decode: (raw) => raw.toString('utf8', 4),
          parse: (refusal) => assertAccepted(refusal, tokenFile),
        },
      });
    },
  });
  return { mechanism: 'oauthbearer', authenticationProvider } as unknown as SASLOptions;
}

async function readToken(file: string): Promise<string> {
  let content;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw new KafkaConfigError('UNREADABLE_FILE', `cannot read ${property}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const token = content.trim();
  // The characters of RFC 6750; others could end the token early in the message to the broker.
  if (!/^[\w.~+/-]+=*$/.test(token)) {
    throw new KafkaConfigError(
      'UNREADABLE_FILE',
      `${property}: ${file} must hold one token and nothing else`,
    );
  }
  return token;
}

/** Kafka's BYTES: a length of 4 bytes, then the bytes. */
function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The broker answers a token that it accepts with nothing, another one with `{"status":"invalid_token"}`. */
function assertAccepted(refusal: string, tokenFile: string): void {
  if (refusal !== '') {
    const [, status = 'no reason given'] = /"status"\s*:\s*"([\w -]{1,60})"/.exec(refusal) ?? [];
    throw new KafkaConfigError(
      'AUTHENTICATION_FAILED',
      `authentication failed: the broker refused the token (${status}); check that ${tokenFile} holds one that ` +
        'has not expired and is made for this broker',
    );
  }
}
