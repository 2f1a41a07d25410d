import { fileURLToPath } from 'node:url';
import type { SASLOptions } from 'kafkajs';
import { usesAwsIam } from './consistency.ts';
import { KafkaConfigError } from './errors.ts';
import { jaasOptions, loginValue } from './jaas.ts';
import type { KafkaProperties } from './known-properties.ts';
import { oauthBearer } from './oauth-bearer.ts';
import type { TokenProvider } from './oauth-bearer.ts';
import { readTrustStore } from './stores.ts';
import { tokenEndpoint } from './token-endpoint.ts';
import { tokenFile } from './token-file.ts';

/**
 * What `sasl.*` says, as kafkajs takes it. The first token is asked for at once, so that what is wrong with that is told before a
 * broker is asked.
 *
 * @throws KafkaConfigError `INVALID_PROPERTY`, `CONTRADICTION`, `UNREADABLE_FILE`, and for tokens `UNREACHABLE`,
 * `AUTHENTICATION_FAILED`
 */
export async function saslOptions(properties: KafkaProperties): Promise<SASLOptions> {
  const { 'sasl.mechanism': mechanism, 'sasl.jaas.config': config = '' } = properties;
  const jaas = jaasOptions(config);
  if (usesAwsIam(properties)) {
    const { awsIamTokens } = await import('./aws-iam.ts');
    return await oauthBearer(await awsIamTokens(properties, jaas));
  }
  if (mechanism === 'OAUTHBEARER') {
    return await oauthBearer(await tokens(properties, jaas), extensions(properties, jaas));
  }
  const [username, password] = (['username', 'password'] as const).map((name) => {
    const value = loginValue(properties, jaas, `sasl.${name}`, name);
    if (value === undefined) {
      throw new KafkaConfigError('INVALID_PROPERTY', `sasl.jaas.config must contain ${name}="..."`);
    }
    return value;
  }) as [string, string];
  const kafkajsMechanism = mechanism!.toLowerCase() as 'plain' | 'scram-sha-256' | 'scram-sha-512';
  return { mechanism: kafkajsMechanism, username, password };
}

const tokenUrl = 'sasl.oauthbearer.token.endpoint.url';
const credentials = 'sasl.oauthbearer.client.credentials.client';

async function tokens(
  properties: KafkaProperties,
  jaas: ReadonlyMap<string, string>,
): Promise<TokenProvider> {
  const url = properties[tokenUrl]!;
  if (url.protocol === 'file:') {
    return tokenFile(fileURLToPath(url));
  }
  const [clientId, clientSecret] = (['id', 'secret'] as const).map((part) => {
    const option = { id: 'clientId', secret: 'clientSecret' }[part];
    const value = loginValue(properties, jaas, `${credentials}.${part}`, option);
    if (value === undefined) {
      throw new KafkaConfigError(
        'INVALID_PROPERTY',
        `${tokenUrl} needs ${credentials}.${part}, or ${option}="..." in sasl.jaas.config`,
      );
    }
    return value;
  }) as [string, string];
  return tokenEndpoint({
    url,
    clientId,
    clientSecret,
    scope: loginValue(properties, jaas, 'sasl.oauthbearer.scope', 'scope'),
    urlEncodes: properties['sasl.oauthbearer.header.urlencode'] ?? false,
    ca: await endpointAuthorities(properties, jaas),
  });
}

/**
 * Who vouches for the endpoint: as in Kafka's own clients, Node's authorities and not those of the brokers, unless `https.ca.*`, as
 * librdkafka has it, or an option of `sasl.jaas.config` says otherwise.
 */
async function endpointAuthorities(
  properties: KafkaProperties,
  jaas: ReadonlyMap<string, string>,
): Promise<string | Buffer | undefined> {
  const file = loginValue(properties, jaas, 'https.ca.location', 'ssl.truststore.location');
  return properties['https.ca.pem'] ?? (file && (await readTrustStore('https.ca.location', file)));
}

/** What the broker is told besides the token: `extension_logicalCluster="lkc-1"` is `logicalCluster`. */
function extensions(
  properties: KafkaProperties,
  jaas: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const inJaas = [...jaas].flatMap(([name, value]) => {
    const [, extension] = /^extension_(.+)$/.exec(name) ?? [];
    return extension === undefined ? [] : [[extension, value] as const];
  });
  const all = new Map([...inJaas, ...(properties['sasl.oauthbearer.extensions'] ?? [])]);
  for (const [name, value] of all) {
    // RFC 7628, 3.1; `auth` is the token's own.
    if (!/^[A-Za-z]+$/.test(name) || name === 'auth' || !/^[\x21-\x7e \t\r\n]+$/.test(value)) {
      throw new KafkaConfigError(
        'INVALID_PROPERTY',
        `extension '${name}' of OAUTHBEARER must have a name of letters, not auth, and a value of printable ASCII`,
      );
    }
  }
  return all;
}
