import { isIPv6 } from 'node:net';
import type { SecureVersion } from 'node:tls';
import { toPem, toPkcs12 } from './stores.ts';

/*
 * The properties of Kafka's Java clients that are understood here, with how each is read.
 * https://kafka.apache.org/documentation/#producerconfigs and #consumerconfigs
 *
 * A parser returns the value, or throws a text that says what is allowed.
 */
type Parser<T> = (text: string) => T;

/** What a parser throws: the words after "must be". */
export class NotAllowed extends Error {}

const text: Parser<string> = (value) => value;

/** The protocol counts the bytes of a name in 16 bits. */
const maxNameBytes = 2 ** 15 - 1;

const wireName =
  (minimum: number): Parser<string> =>
  (value) => {
    const bytes = Buffer.byteLength(value);
    if (bytes < minimum || bytes > maxNameBytes) {
      throw new NotAllowed(`a name of ${minimum} to ${maxNameBytes} bytes`);
    }
    return value;
  };

const servers: Parser<string[]> = (value) => {
  const items = value.split(',').map((item) => item.trim());
  if (!items.every(isHostAndPort)) {
    throw new NotAllowed('host:port or [IPv6 address]:port, or several of them separated by commas');
  }
  return items;
};

/** A name or an IPv4 address, or an IPv6 address in brackets. */
function isHostAndPort(item: string): boolean {
  const [, host, port] = /^([^\s:/[\]]+|\[[\da-f:.]+(?:%\w+)?\]):(\d{1,5})$/i.exec(item) ?? [];
  const isHost = host?.startsWith('[') === true ? isIPv6(host.slice(1, -1)) : host !== undefined;
  return isHost && Number(port) >= 1 && Number(port) <= 65_535;
}

const integer =
  (minimum: number, maximum = 2 ** 31 - 1): Parser<number> =>
  (value) => {
    const number = /^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= minimum && number <= maximum)) {
      throw new NotAllowed(`a whole number from ${minimum} to ${maximum}`);
    }
    return number;
  };

const boolean: Parser<boolean> = (value) => {
  const lower = value.toLowerCase();
  if (lower !== 'true' && lower !== 'false') {
    throw new NotAllowed('true or false');
  }
  return lower === 'true';
};

const oneOf =
  <const T extends string>(...allowed: T[]): Parser<T> =>
  (value) => {
    const match = allowed.find((name) => name.toLowerCase() === value.toLowerCase());
    if (match === undefined) {
      throw new NotAllowed(`one of ${allowed.join(', ')}`);
    }
    return match;
  };

const acks: Parser<-1 | 0 | 1> = (value) => {
  const number = { all: -1, '-1': -1, '0': 0, '1': 1 }[value.toLowerCase()];
  if (number === undefined) {
    throw new NotAllowed('one of 0, 1, all, -1');
  }
  return number as -1 | 0 | 1;
};

const trustStoreType: Parser<'PEM'> = (value) => {
  if (value.toUpperCase() !== 'PEM') {
    throw new NotAllowed(`PEM (to convert a store: ${toPem('STORE')})`);
  }
  return 'PEM';
};

const keyStoreType: Parser<'PEM' | 'PKCS12'> = (value) => {
  if (['JKS', 'JCEKS'].includes(value.toUpperCase())) {
    throw new NotAllowed(`PEM or PKCS12 (to convert a store: ${toPkcs12('STORE')})`);
  }
  return oneOf('PEM', 'PKCS12')(value);
};

/** A secret must not travel in the clear, except on this machine. */
const tokenUrl: Parser<URL> = (value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isFile = url?.protocol === 'file:' && url.host === '';
  const isLoopback = url?.protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  const hasLogin = url !== undefined && `${url.username}${url.password}` !== '';
  if (url === undefined || hasLogin || !(isFile || isLoopback || url.protocol === 'https:')) {
    throw new NotAllowed(
      'https://host/path of an endpoint that issues tokens, without a user name (http:// on this machine only), ' +
        'or file:///path of the file that holds the token',
    );
  }
  return url;
};

/** What librdkafka writes as well means the same. */
const offsetReset: Parser<'earliest' | 'latest'> = (value) => {
  const other = { smallest: 'earliest', beginning: 'earliest', largest: 'latest', end: 'latest' }[
    value.toLowerCase()
  ];
  return oneOf('earliest', 'latest')(other ?? value);
};

const identification: Parser<'https' | ''> = (value) =>
  value.toLowerCase() === 'none' ? '' : oneOf('https', '')(value);

const tlsVersions: Parser<SecureVersion[]> = (value) =>
  value.split(',').map((version) => oneOf('TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3')(version.trim()));

/** As librdkafka has them: `logicalCluster=lkc-1,identityPoolId=pool-1`. */
const extensions: Parser<Map<string, string>> = (value) =>
  new Map(
    value.split(',').map((pair) => {
      const [name = '', ...rest] = pair.split('=');
      if (rest.length === 0) {
        throw new NotAllowed('name=value, or several of them separated by commas');
      }
      return [name.trim(), rest.join('=').trim()];
    }),
  );

const oauth = 'org.apache.kafka.common.security.oauthbearer.';

/** The classes by which Java clients log in to Amazon MSK with IAM; the second does so by OAUTHBEARER. */
export const iamHandlers = [
  'software.amazon.msk.auth.iam.IAMClientCallbackHandler',
  'software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler',
] as const;

export const parsers = {
  'bootstrap.servers': servers,
  'client.id': wireName(0),
  'request.timeout.ms': integer(1),
  'retry.backoff.ms': integer(1),
  'metadata.max.age.ms': integer(1),
  'socket.connection.setup.timeout.ms': integer(1),

  'security.protocol': oneOf('PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'),
  'ssl.truststore.type': trustStoreType,
  'ssl.truststore.location': text,
  'ssl.truststore.certificates': text,
  'ssl.truststore.password': text,
  'ssl.keystore.type': keyStoreType,
  'ssl.keystore.location': text,
  'ssl.keystore.password': text,
  'ssl.keystore.certificate.chain': text,
  'ssl.keystore.key': text,
  'ssl.key.password': text,
  // librdkafka has the key and the certificate in a file each.
  'ssl.certificate.location': text,
  'ssl.key.location': text,
  'ssl.endpoint.identification.algorithm': identification,
  'ssl.enabled.protocols': tlsVersions,
  'sasl.mechanism': oneOf('PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER', 'AWS_MSK_IAM'),
  'sasl.jaas.config': text,
  'sasl.username': text,
  'sasl.password': text,
  'sasl.oauthbearer.token.endpoint.url': tokenUrl,
  'sasl.oauthbearer.client.credentials.client.id': text,
  'sasl.oauthbearer.client.credentials.client.secret': text,
  'sasl.oauthbearer.scope': text,
  'sasl.oauthbearer.extensions': extensions,
  'sasl.oauthbearer.header.urlencode': boolean,
  'https.ca.location': text,
  'https.ca.pem': text,
  // Kafka's own clients need these to get a token; here they only must not ask for anything else.
  'sasl.oauthbearer.method': oneOf('oidc'),
  'sasl.oauthbearer.grant.type': oneOf('client_credentials'),
  'sasl.login.callback.handler.class': oneOf(
    `${oauth}OAuthBearerLoginCallbackHandler`,
    `${oauth}secured.OAuthBearerLoginCallbackHandler`,
    ...iamHandlers,
  ),
  'sasl.client.callback.handler.class': oneOf(...iamHandlers),
  'sasl.oauthbearer.jwt.retriever.class': oneOf(
    `${oauth}DefaultJwtRetriever`,
    `${oauth}FileJwtRetriever`,
    `${oauth}ClientCredentialsJwtRetriever`,
  ),

  acks,
  'max.request.size': integer(1),
  'delivery.timeout.ms': integer(1),

  'group.id': wireName(1),
  'auto.offset.reset': offsetReset,
  'enable.auto.commit': boolean,
  'auto.commit.interval.ms': integer(1),
  'session.timeout.ms': integer(1),
  'heartbeat.interval.ms': integer(1),
  'max.poll.interval.ms': integer(1),
  'fetch.min.bytes': integer(1),
  'fetch.max.bytes': integer(1),
  'max.partition.fetch.bytes': integer(1),
  'fetch.max.wait.ms': integer(1),
  'isolation.level': oneOf('read_uncommitted', 'read_committed'),
  'client.rack': wireName(0),
} satisfies Record<string, Parser<unknown>>;

/** What holds where these are not set, and is compared with others. */
export const defaults = {
  'request.timeout.ms': 30_000,
  'session.timeout.ms': 45_000,
  'heartbeat.interval.ms': 3000,
} as const satisfies KafkaProperties;

/** A property's name, as Kafka spells it. */
export type PropertyName = keyof typeof parsers;

/** Properties that were given, parsed. */
export type KafkaProperties = { readonly [Name in PropertyName]?: ReturnType<(typeof parsers)[Name]> };

/** The names of properties with values of a type. */
export type NamesOf<Value> = {
  [Name in PropertyName]: NonNullable<KafkaProperties[Name]> extends Value ? Name : never;
}[PropertyName];

/** True for a name in the table, and for nothing that an object inherits. */
export function isKnown(name: string): name is PropertyName {
  return Object.hasOwn(parsers, name);
}
