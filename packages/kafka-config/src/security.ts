import { createSecureContext } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { KafkaConfig } from 'kafkajs';
import { KafkaConfigError } from './errors.ts';
import type { KafkaProperties } from './known-properties.ts';
import { saslOptions } from './sasl.ts';
import { readStore, readTrustStore, storeFormat, toPkcs12 } from './stores.ts';

/** What `security.protocol`, `ssl.*` and `sasl.*` say, as kafkajs takes it. */
export async function securityConfig(
  properties: KafkaProperties,
): Promise<Pick<KafkaConfig, 'ssl' | 'sasl'>> {
  const { 'security.protocol': protocol = 'PLAINTEXT' } = properties;
  return {
    ssl: protocol.endsWith('SSL') ? await tlsOptions(properties) : false,
    ...(protocol.startsWith('SASL') && { sasl: await saslOptions(properties) }),
  };
}

async function tlsOptions(properties: KafkaProperties): Promise<ConnectionOptions> {
  const ca =
    pemLines(properties['ssl.truststore.certificates']) ??
    (await optional(properties, 'ssl.truststore.location', readTrustStore));
  const keystore = await readKeyStore(properties);
  const type = properties['ssl.keystore.type'] ?? (keystore && storeFormat(keystore));
  const isPkcs12 = type === 'PKCS12';
  // A PEM key store holds the key and its chain in one file; librdkafka has a file for each.
  const together = isPkcs12 ? undefined : keystore;
  const cert =
    pemLines(properties['ssl.keystore.certificate.chain']) ??
    (await optional(properties, 'ssl.certificate.location', readStore)) ??
    together;
  const key =
    pemLines(properties['ssl.keystore.key']) ??
    (await optional(properties, 'ssl.key.location', readStore)) ??
    together;
  const versions = properties['ssl.enabled.protocols']?.toSorted();
  const passphrase = isPkcs12 ? properties['ssl.keystore.password'] : properties['ssl.key.password'];
  const options = {
    ...(ca !== undefined && { ca }),
    ...(isPkcs12 && keystore !== undefined && { pfx: keystore }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    ...(versions !== undefined && { minVersion: versions[0]!, maxVersion: versions.at(-1)! }),
    // As in Kafka, an empty algorithm turns the check of the host name off.
    ...(properties['ssl.endpoint.identification.algorithm'] === '' && {
      checkServerIdentity: () => undefined,
    }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    throw new KafkaConfigError(
      'INVALID_PROPERTY',
      `the key and certificates of ssl.keystore.* cannot be used: ${(error as Error).message}; check their passwords`,
      { cause: error },
    );
  }
  return options;
}

/** PEM as it stands in a properties file, often on one line, with the line ends that OpenSSL needs. */
function pemLines(pem: string | undefined): string | undefined {
  return pem?.replaceAll(
    /(-----BEGIN [A-Z ]+-----)([^-]*)(-----END [A-Z ]+-----)/g,
    (_block, begin: string, base64: string, end: string) =>
      [begin, ...(base64.replaceAll(/\s/g, '').match(/.{1,64}/g) ?? []), end, ''].join('\n'),
  );
}

/** What a file holds that a property names. */
async function optional(
  properties: KafkaProperties,
  name: 'ssl.truststore.location' | 'ssl.certificate.location' | 'ssl.key.location',
  read: typeof readStore,
): Promise<Buffer | undefined> {
  const file = properties[name];
  return file === undefined ? undefined : await read(name, file);
}

/** Its type is that of the file, unless it is set, as in Kafka's own clients. */
async function readKeyStore(properties: KafkaProperties): Promise<Buffer | undefined> {
  const { 'ssl.keystore.location': file, 'ssl.keystore.type': type } = properties;
  if (file === undefined) {
    return undefined;
  }
  const content = await readStore('ssl.keystore.location', file);
  const format = storeFormat(content);
  if (format === 'JKS' || format === 'JCEKS') {
    throw new KafkaConfigError(
      'UNREADABLE_FILE',
      `ssl.keystore.location ${file} is a ${format} store; PEM and PKCS12 are read; convert it, and name the new one with ` +
        `ssl.keystore.type=PKCS12: ${toPkcs12(file, format)}`,
    );
  }
  if ((format === 'PEM' || format === 'PKCS12') && type !== undefined && format !== type) {
    throw new KafkaConfigError(
      'INVALID_PROPERTY',
      `ssl.keystore.type is ${type}, but ssl.keystore.location ${file} is ${format}; set ssl.keystore.type=${format}`,
    );
  }
  return content;
}
