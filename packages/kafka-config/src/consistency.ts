import { KafkaConfigError } from './errors.ts';
import { defaults, iamHandlers } from './known-properties.ts';
import type { KafkaProperties, NamesOf, PropertyName } from './known-properties.ts';
import { toPem } from './stores.ts';

/**
 * Checks properties that exclude or need one another.
 *
 * @param given the names of those that are no defaults of the program
 * @throws KafkaConfigError `CONTRADICTION`
 */
export function assertConsistent(properties: KafkaProperties, given: ReadonlySet<string>): void {
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
  assertTogether(properties, 'ssl.certificate.location', 'ssl.key.location');
  assertNotBoth(properties, 'ssl.keystore.location', 'ssl.keystore.key');
  assertNotBoth(properties, 'ssl.keystore.location', 'ssl.key.location');
  assertNotBoth(properties, 'ssl.keystore.key', 'ssl.key.location');
  assertNotBoth(properties, 'ssl.truststore.location', 'ssl.truststore.certificates');
  assertLess(properties, 'heartbeat.interval.ms', 'session.timeout.ms');
  assertLess(properties, 'fetch.max.wait.ms', 'request.timeout.ms');
  // Each of these has a meaning with any default of the other, so that it contradicts only what the user has said as well.
  const said = Object.fromEntries(Object.entries(properties).filter(([name]) => given.has(name)));
  assertAtMost(said, 'request.timeout.ms', 'delivery.timeout.ms');
  assertAtMost(said, 'session.timeout.ms', 'max.poll.interval.ms');
  assertAtMost(said, 'fetch.min.bytes', 'fetch.max.bytes');
}

function assertLogin(properties: KafkaProperties, protocol: string): void {
  const { 'sasl.mechanism': mechanism } = properties;
  const tokenUrl = 'sasl.oauthbearer.token.endpoint.url';
  if (mechanism === undefined) {
    throw contradiction(`security.protocol=${protocol} needs sasl.mechanism`);
  }
  const isIam = usesAwsIam(properties);
  const needsUrl = mechanism === 'OAUTHBEARER' && !isIam;
  if (needsUrl && properties[tokenUrl] === undefined) {
    throw contradiction(`sasl.mechanism=OAUTHBEARER needs ${tokenUrl}`);
  }
  const hasLogin = properties['sasl.username'] !== undefined && properties['sasl.password'] !== undefined;
  if (!needsUrl && !isIam && !hasLogin && properties['sasl.jaas.config'] === undefined) {
    throw contradiction(
      `sasl.mechanism=${mechanism} needs sasl.jaas.config, or sasl.username and sasl.password`,
    );
  }
  if (!needsUrl && properties[tokenUrl] !== undefined) {
    throw contradiction(`${tokenUrl} has no effect with sasl.mechanism=${mechanism}; set it to OAUTHBEARER`);
  }
  const handler = handlers.find((name) => isIamHandler(properties[name]));
  if (!isIam && handler !== undefined) {
    throw contradiction(`${handler} of AWS needs sasl.mechanism=AWS_MSK_IAM, not ${mechanism}`);
  }
}

const handlers = ['sasl.login.callback.handler.class', 'sasl.client.callback.handler.class'] as const;

function isIamHandler(name: string | undefined): boolean {
  return iamHandlers.some((one) => one === name);
}

/** Whether to log in to Amazon MSK with IAM: by the mechanism of its own, or by OAUTHBEARER with its class. */
export function usesAwsIam(properties: KafkaProperties): boolean {
  const { 'sasl.mechanism': mechanism, 'sasl.login.callback.handler.class': handler } = properties;
  return mechanism === 'AWS_MSK_IAM' || (mechanism === 'OAUTHBEARER' && isIamHandler(handler));
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

type NumberName = 'fetch.max.wait.ms' | keyof typeof defaults;

/** One that is not set is compared by its default. */
function assertLess(properties: KafkaProperties, smaller: NumberName, larger: NumberName): void {
  const values: Partial<Record<NumberName, number>> = { ...defaults, ...properties };
  const [low, high] = [values[smaller], values[larger]];
  if (low !== undefined && high !== undefined && !(low < high)) {
    const shown = (name: NumberName): string =>
      `${name}=${values[name]}${properties[name] === undefined ? ' (its default)' : ''}`;
    throw contradiction(`${shown(smaller)} must be less than ${shown(larger)}`);
  }
}

function assertAtMost(properties: KafkaProperties, smaller: NamesOf<number>, larger: NamesOf<number>): void {
  const [low, high] = [properties[smaller], properties[larger]];
  if (low !== undefined && high !== undefined && low > high) {
    throw contradiction(`${smaller}=${low} must not be more than ${larger}=${high}`);
  }
}

function contradiction(message: string): KafkaConfigError {
  return new KafkaConfigError('CONTRADICTION', message);
}
