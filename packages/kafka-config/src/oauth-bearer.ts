import type { SASLOptions } from 'kafkajs';
import { KafkaConfigError } from './errors.ts';

/** Where the tokens of logins come from. */
export interface TokenProvider {
  /** A token for a login that begins now. */
  get(): Promise<string>;
  /** The last one was refused by the broker: it is not given again. */
  refused(): void;
  /** What to check when the broker refuses a token, after "check that". */
  readonly advice: string;
}

/** What kafkajs gives an authenticator, which its types do not declare: one round of a login. */
interface LoginRound {
  readonly saslAuthenticate: (round: {
    readonly request: { readonly encode: () => Buffer };
    readonly response: { readonly decode: (raw: Buffer) => string; readonly parse: (text: string) => void };
  }) => Promise<void>;
}

/**
 * OAUTHBEARER, which logs in once for each connection, and again before the broker ends its session, which is when the token expires.
 *
 * The authenticator is ours because that of kafkajs takes a refusal for a success: the broker refuses a token in an
 * answer without an error code (RFC 7628, 3.2.3), and then closes the connection.
 *
 * @param extensions what the broker is told besides the token
 * @throws KafkaConfigError as `provider`, of which one token is taken at once; a login: `AUTHENTICATION_FAILED`
 */
export async function oauthBearer(
  provider: TokenProvider,
  extensions: ReadonlyMap<string, string> = new Map(),
): Promise<SASLOptions> {
  await provider.get();
  const told = [...extensions].map(([name, value]) => `${name}=${value}\u0001`).join('');
  const authenticationProvider = ({ saslAuthenticate }: LoginRound) => ({
    authenticate: async () => {
      const token = await provider.get();
      await saslAuthenticate({
        request: { encode: () => lengthPrefixed(`n,,\u0001auth=Bearer ${token}\u0001${told}\u0001`) },
        response: {
          decode: (raw) => raw.toString('utf8', 4),
          parse: (refusal) => assertAccepted(refusal, provider),
        },
      });
    },
  });
  return { mechanism: 'oauthbearer', authenticationProvider } as unknown as SASLOptions;
}

/** The characters of RFC 6750; others could end the token early in the message to the broker. */
export function isToken(text: string): boolean {
  return /^[\w.~+/-]+=*$/.test(text);
}

/** Kafka's BYTES: a length of 4 bytes, then the bytes. */
function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The broker answers a token that it accepts with nothing, another one with `{"status":"invalid_token"}`. */
function assertAccepted(refusal: string, provider: TokenProvider): void {
  if (refusal !== '') {
    provider.refused();
    const [, status = 'no reason given'] = /"status"\s*:\s*"([\w -]{1,60})"/.exec(refusal) ?? [];
    throw new KafkaConfigError(
      'AUTHENTICATION_FAILED',
      `authentication failed: the broker refused the token (${status}); check that ${provider.advice}`,
    );
  }
}
