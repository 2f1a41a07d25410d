import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { KafkaConfigError } from './errors.ts';
import { isToken } from './oauth-bearer.ts';
import type { TokenProvider } from './oauth-bearer.ts';

/** An endpoint that issues tokens to those who know a secret: OAuth's grant of client credentials (RFC 6749, 4.4). */
export interface TokenEndpoint {
  readonly url: URL;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string | undefined;
  /** Whether id and secret are URL-encoded before they become a header, as the RFC says and few endpoints expect. */
  readonly urlEncodes: boolean;
  /** Authorities in PEM, instead of those of Node. */
  readonly ca: string | Buffer | undefined;
}

interface Token {
  readonly text: string;
  /** Until then it is given again, in milliseconds since 1970. */
  readonly freshUntil: number;
}

/** Less than the eight seconds within which a broker has to answer, so that this is told and not that. */
const answerTimeoutMs = 5000;

/** A token with all groups of a user takes some 20 KB. */
const maxAnswerBytes = 256 * 1024;

/** As Kafka's own clients, a token is renewed after four fifths of its life; and half a minute before its end, which a login takes. */
const freshShare = 0.8;
const marginMs = 30_000;

/**
 * Tokens from an endpoint. One serves all connections until it is to be renewed.
 *
 * @throws KafkaConfigError from `get`: `UNREACHABLE` where the endpoint does not answer, or not now, `AUTHENTICATION_FAILED` where it
 * gives no token
 */
export function tokenEndpoint(endpoint: TokenEndpoint): TokenProvider {
  let last: Promise<Token> | undefined;
  const forget = (): void => {
    last = undefined;
  };
  return {
    get: async () => {
      const known = last;
      if (known !== undefined && Date.now() < (await known).freshUntil) {
        return (await known).text;
      }
      // Of several logins at once, the first one asks.
      if (last === known || last === undefined) {
        last = askForToken(endpoint);
        last.catch(forget);
      }
      return (await last).text;
    },
    refused: forget,
    advice: `${shown(endpoint.url)} issues tokens for this broker, and the clock of this machine`,
  };
}

async function askForToken(endpoint: TokenEndpoint): Promise<Token> {
  const place = `the token endpoint ${shown(endpoint.url)}`;
  const asked = Date.now();
  const { status, type, body } = await post(endpoint, place);
  const answer = jsonObject(body);
  if (status !== 200) {
    const [what, why] = [answer['error'], answer['error_description']].map(oneLine);
    const reason = [`HTTP ${status}`, ...[what, why].filter(Boolean)].join(', ');
    throw status >= 500 || status === 429
      ? new KafkaConfigError('UNREACHABLE', `${place} has failed (${reason}); try again, or look at its log`)
      : new KafkaConfigError(
          'AUTHENTICATION_FAILED',
          `${place} gave no token (${reason}); check its URL, and the client id, client secret and scope`,
        );
  }
  const token = answer['access_token'];
  if (typeof token !== 'string' || !isToken(token)) {
    throw new KafkaConfigError(
      'AUTHENTICATION_FAILED',
      `${place} answered without an access_token (${type}); check sasl.oauthbearer.token.endpoint.url`,
    );
  }
  const expires = expiry(token) ?? asked + Number(answer['expires_in'] ?? 0) * 1000;
  if (expiry(token) !== undefined && expires <= Date.now()) {
    throw new KafkaConfigError(
      'AUTHENTICATION_FAILED',
      `${place} gave a token that expired at ${new Date(expires).toISOString()}; check the clocks of both machines`,
    );
  }
  return { text: token, freshUntil: Math.min(asked + freshShare * (expires - asked), expires - marginMs) };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function post(endpoint: TokenEndpoint, place: string): Promise<Answer> {
  const signal = AbortSignal.timeout(answerTimeoutMs);
  try {
    return await send(endpoint, signal);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const advice = /CERT|SIGN|UNABLE_TO/.test(code)
      ? 'name the CA of its certificate in https.ca.location'
      : 'check sasl.oauthbearer.token.endpoint.url, and that this machine reaches it';
    const problem = signal.aborted ? `no answer within ${answerTimeoutMs / 1000} s` : message || code;
    throw new KafkaConfigError('UNREACHABLE', `cannot reach ${place}: ${problem}; ${advice}`, {
      cause: error,
    });
  }
}

function send(endpoint: TokenEndpoint, signal: AbortSignal): Promise<Answer> {
  const { url, clientId, clientSecret, scope, urlEncodes, ca } = endpoint;
  const encoded = (value: string): string => (urlEncodes ? encodeURIComponent(value) : value);
  const login = Buffer.from(`${encoded(clientId)}:${encoded(clientSecret)}`).toString('base64');
  const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope && { scope }) }).toString();
  const headers = {
    accept: 'application/json',
    authorization: `Basic ${login}`,
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': Buffer.byteLength(form),
  };
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers, signal, agent: false, ...(ca !== undefined && { ca }) };
    request(url, options, (response) => {
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > maxAnswerBytes) {
          response.destroy(new Error(`its answer is longer than ${maxAnswerBytes} bytes`));
        }
      });
      const {
        statusCode = 0,
        headers: { 'content-type': type = 'no content-type' },
      } = response;
      text(response).then((body) => resolve({ status: statusCode, type: oneLine(type), body }), reject);
    })
      .on('error', reject)
      .end(form);
  });
}

/** Without its query, which may hold a secret. */
function shown({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

/** What the endpoint says, for a message. */
function oneLine(value: unknown): string {
  return typeof value === 'string'
    ? value
        .replaceAll(/[^\x20-\x7e]+/g, ' ')
        .slice(0, 200)
        .trim()
    : '';
}

function jsonObject(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** When a token expires that is a JWT, in milliseconds since 1970. */
function expiry(token: string): number | undefined {
  const [, claims = ''] = token.split('.');
  const { exp } = jsonObject(Buffer.from(claims, 'base64url').toString());
  return typeof exp === 'number' ? exp * 1000 : undefined;
}
