import { KafkaConfigError } from './errors.ts';
import type { KafkaProperties, PropertyName } from './known-properties.ts';
import { toPem } from './stores.ts';

/**
 * Checks properties that exclude or need one another.
 *
 * @throws KafkaConfigError `CONTRADICTION`
 */
export function assertConsistent(properties: KafkaProperties): void {
  const { 'security.protocol': protocol = 'PLAINTEXT' } = properties;
  const set = Object.keys(properties);
  const ssl = set.find((name) => name.startsWith('ssl.'));
  if (ssl !== undefined && !protocol.endsWith('SSL')) {
    throw contradiction(`${ssl} has no effect with security.protocol=${protocol}; set it to SSL or SASL_SSL`);
  }
  const sasl = set.find((name) => name.startsWith('sasl.'));
  if (sasl !== undefined && !protocol.startsWith('SASL')) {
    throw contradiction(
      `${sasl} has no effect with security.protocol=${protocol}; set it to SASL_SSL or SASL_PLAINTEXT`,
    );
  }
  if (protocol.startsWith('SASL')) {
    assertLogin(properties, protocol);
  }
  const { 'ssl.truststore.location': store = 'STORE' } = properties;
  if (properties['ssl.truststore.password'] !== undefined) {
    throw contradiction(`a trust store must be PEM, which has no password; convert it with: ${toPem(store)}`);
  }
  assertTogether(properties, 'ssl.keystore.certificate.chain', 'ssl.keystore.key');
  assertNotBoth(properties, 'ssl.keystore.location', 'ssl.keystore.key');
  assertNotBoth(properties, 'ssl.truststore.location', 'ssl.truststore.certificates');
  assertLess(properties, 'heartbeat.interval.ms', 'session.timeout.ms');
  if (properties['fetch.max.wait.ms'] !== undefined) {
    assertLess(properties, 'fetch.max.wait.ms', 'request.timeout.ms');
  }
}

function assertLogin(properties: KafkaProperties, protocol: string): void {
  const { 'sasl.mechanism': mechanism } = properties;
  const tokenUrl = 'sasl.oauthbearer.token.endpoint.url';
  if (mechanism === undefined) {
    throw contradiction(`security.protocol=${protocol} needs sasl.mechanism`);
  }
  const needed = mechanism === 'OAUTHBEARER' ? tokenUrl : 'sasl.jaas.config';
  if (properties[needed] === undefined) {
    throw contradiction(`sasl.mechanism=${mechanism} needs ${needed}`);
  }
  if (mechanism !== 'OAUTHBEARER' && properties[tokenUrl] !== undefined) {
    throw contradiction(`${tokenUrl} has no effect with sasl.mechanism=${mechanism}; set it to OAUTHBEARER`);
  }
}

function assertTogether(properties: KafkaProperties, one: PropertyName, other: PropertyName): void {
  const [set, missing] = properties[one] === undefined ? [other, one] : [one, other];
  if (properties[set] !== undefined && properties[missing] === undefined) {
    throw contradiction(`${set} needs ${missing}`);
  }
}

function assertNotBoth(properties: KafkaProperties, one: PropertyName, other: PropertyName): void {
  if (properties[one] !== undefined && properties[other] !== undefined) {
    throw contradiction(`${one} and ${other} exclude one another`);
  }
}

/** Kafka's own defaults of the numbers that are compared, as they are used here. */
const defaults = {
  'heartbeat.interval.ms': 3000,
  'session.timeout.ms': 45_000,
  'fetch.max.wait.ms': 500,
  'request.timeout.ms': 30_000,
} as const satisfies Partial<KafkaProperties>;

/** Of two of which one was set, the other is what it is by default. */
function assertLess(
  properties: KafkaProperties,
  smaller: keyof typeof defaults,
  larger: keyof typeof defaults,
): void {
  const shown = (name: keyof typeof defaults): string =>
    `${name}=${properties[name] ?? `${defaults[name]} (its default)`}`;
  if (!((properties[smaller] ?? defaults[smaller]) < (properties[larger] ?? defaults[larger]))) {
    throw contradiction(`${shown(smaller)} must be less than ${shown(larger)}`);
  }
}

function contradiction(message: string): KafkaConfigError {
  return new KafkaConfigError('CONTRADICTION', message);
}
