import { KafkaConfigError } from './errors.ts';
import type { KafkaProperties, PropertyName } from './known-properties.ts';

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
  for (const needed of ['sasl.mechanism', 'sasl.jaas.config'] as const) {
    if (protocol.startsWith('SASL') && properties[needed] === undefined) {
      throw contradiction(`security.protocol=${protocol} needs ${needed}`);
    }
  }
  assertNotBoth(properties, 'ssl.keystore.location', 'ssl.keystore.key');
  assertNotBoth(properties, 'ssl.truststore.location', 'ssl.truststore.certificates');
  assertLess(properties, 'heartbeat.interval.ms', 'session.timeout.ms');
  assertLess(properties, 'fetch.max.wait.ms', 'request.timeout.ms');
}

function assertNotBoth(properties: KafkaProperties, one: PropertyName, other: PropertyName): void {
  if (properties[one] !== undefined && properties[other] !== undefined) {
    throw contradiction(`${one} and ${other} exclude one another`);
  }
}

function assertLess(properties: KafkaProperties, smaller: PropertyName, larger: PropertyName): void {
  const [low, high] = [properties[smaller], properties[larger]];
  if (low !== undefined && high !== undefined && !(low < high)) {
    throw contradiction(`${smaller}=${String(low)} must be less than ${larger}=${String(high)}`);
  }
}

function contradiction(message: string): KafkaConfigError {
  return new KafkaConfigError('CONTRADICTION', message);
}
