import type { PropertyName } from './known-properties.ts';

/*
 * Properties that librdkafka spells otherwise than the Java clients, with the meaning that both give them.
 * https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
 */
const canonical: Readonly<Record<string, PropertyName>> = {
  'metadata.broker.list': 'bootstrap.servers',
  'ssl.ca.location': 'ssl.truststore.location',
  'ssl.ca.pem': 'ssl.truststore.certificates',
  'ssl.certificate.pem': 'ssl.keystore.certificate.chain',
  'ssl.key.pem': 'ssl.keystore.key',
  'sasl.mechanisms': 'sasl.mechanism',
  'sasl.oauthbearer.client.id': 'sasl.oauthbearer.client.credentials.client.id',
  'sasl.oauthbearer.client.secret': 'sasl.oauthbearer.client.credentials.client.secret',
  'request.required.acks': 'acks',
  'message.max.bytes': 'max.request.size',
  'message.timeout.ms': 'delivery.timeout.ms',
  'fetch.wait.max.ms': 'fetch.max.wait.ms',
  'fetch.message.max.bytes': 'max.partition.fetch.bytes',
};

/** The name that Kafka's Java clients give to a property; any other name stays as it is. */
export function canonicalName(name: string): string {
  return Object.hasOwn(canonical, name) ? canonical[name]! : name;
}

/** The names that are read as another. */
export const otherSpellings: readonly string[] = Object.keys(canonical);
