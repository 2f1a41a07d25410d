import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { KafkaConfigError } from './errors.ts';
import type { KafkaProperties } from './known-properties.ts';

/** What `security.protocol`, `ssl.*` and `sasl.*` say, as kafkajs takes it. */
export async function securityConfig(
  properties: KafkaProperties,
): Promise<Pick<KafkaConfig, 'ssl' | 'sasl'>> {
  const { 'security.protocol': protocol = 'PLAINTEXT' } = properties;
  return {
    ssl: protocol.endsWith('SSL') ? await tlsOptions(properties) : false,
    ...(protocol.startsWith('SASL') && { sasl: saslOptions(properties) }),
  };
}

async function tlsOptions(properties: KafkaProperties): Promise<ConnectionOptions> {
  const ca =
    properties['ssl.truststore.certificates'] ?? (await readStore(properties, 'ssl.truststore.location'));
  const keystore = await readStore(properties, 'ssl.keystore.location');
  const isPkcs12 = properties['ssl.keystore.type'] === 'PKCS12';
  // A PEM key store holds the key and its chain in one file.
  const cert = properties['ssl.keystore.certificate.chain'] ?? (isPkcs12 ? undefined : keystore);
  const key = properties['ssl.keystore.key'] ?? (isPkcs12 ? undefined : keystore);
  const passphrase = isPkcs12 ? properties['ssl.keystore.password'] : properties['ssl.key.password'];
  return {
    ...(ca !== undefined && { ca }),
    ...(isPkcs12 && keystore !== undefined && { pfx: keystore }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    // As in Kafka, an empty algorithm turns the check of the host name off.
    ...(properties['ssl.endpoint.identification.algorithm'] === '' && {
      checkServerIdentity: () => undefined,
    }),
  };
}

async function readStore(
  properties: KafkaProperties,
  name: 'ssl.truststore.location' | 'ssl.keystore.location',
): Promise<Buffer | undefined> {
  const file = properties[name];
  if (file === undefined) {
    return undefined;
  }
  let content;
  try {
    content = await readFile(file);
  } catch (error) {
    throw new KafkaConfigError('UNREADABLE_FILE', `cannot read ${name}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (name === 'ssl.truststore.location' && !content.includes('-----BEGIN CERTIFICATE-----')) {
    throw new KafkaConfigError(
      'UNREADABLE_FILE',
      `${name} ${file} is not in PEM, which is the form that is read; ` +
        `convert it with: keytool -list -rfc -keystore '${file}' > truststore.pem`,
    );
  }
  return content;
}

function saslOptions(properties: KafkaProperties): SASLOptions {
  const jaas = properties['sasl.jaas.config'] ?? '';
  const username = jaasOption(jaas, 'username');
  const password = jaasOption(jaas, 'password');
  const mechanism = properties['sasl.mechanism']!.toLowerCase() as
    | 'plain'
    | 'scram-sha-256'
    | 'scram-sha-512';
  return { mechanism, username, password };
}

/** `...LoginModule required username="..." password="...";` with backslash escapes inside the quotes. */
function jaasOption(jaas: string, name: string): string {
  const [, quoted] = new RegExp(String.raw`\b${name}\s*=\s*"((?:[^"\\]|\\.)*)"`, 's').exec(jaas) ?? [];
  if (quoted === undefined) {
    throw new KafkaConfigError(
      'INVALID_PROPERTY',
      `sasl.jaas.config must contain ${name}="..." in double quotes`,
    );
  }
  return quoted.replaceAll(/\\(.)/gs, '$1');
}
