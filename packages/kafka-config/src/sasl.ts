import type { SASLOptions } from 'kafkajs';
import { KafkaConfigError } from './errors.ts';
import type { KafkaProperties } from './known-properties.ts';
import { oauthBearer } from './oauth-bearer.ts';

/**
 * What `sasl.*` says, as kafkajs takes it.
 *
 * @throws KafkaConfigError `INVALID_PROPERTY`, `UNREADABLE_FILE`
 */
export async function saslOptions(properties: KafkaProperties): Promise<SASLOptions> {
  const { 'sasl.mechanism': mechanism, 'sasl.oauthbearer.token.endpoint.url': tokenFile = '' } = properties;
  if (mechanism === 'OAUTHBEARER') {
    return await oauthBearer(tokenFile);
  }
  const options = jaasOptions(properties['sasl.jaas.config'] ?? '');
  const [username, password] = ['username', 'password'].map((name) => {
    const value = options.get(name);
    if (value === undefined) {
      throw new KafkaConfigError('INVALID_PROPERTY', `sasl.jaas.config must contain ${name}="..."`);
    }
    return value;
  }) as [string, string];
  const kafkajsMechanism = mechanism!.toLowerCase() as 'plain' | 'scram-sha-256' | 'scram-sha-512';
  return { mechanism: kafkajsMechanism, username, password };
}

/**
 * The options of `...LoginModule required username="..." password='...';`. A backslash stands for the character after it; all options are read in turn, so that none is found in another's value.
 */
function jaasOptions(jaas: string): Map<string, string> {
  const option = /(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;"']+))/gs;
  return new Map(
    [...jaas.matchAll(option)].map(([, name, double, single, bare]) => [
      name!,
      (double ?? single ?? bare!).replaceAll(/\\(.)/gs, '$1'),
    ]),
  );
}
