import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { KafkaConfig } from 'kafkajs';
import { KafkaConfigError } from './errors.ts';
import type { KafkaProperties } from './known-properties.ts';
import { saslOptions } from './sasl.ts';
import { storeFormat, toPem, toPkcs12 } from './stores.ts';

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
  const ca = pemLines(properties['ssl.truststore.certificates']) ?? (await readTrustStore(properties));
  const keystore = await readKeyStore(properties);
  const isPkcs12 = properties['ssl.keystore.type'] === 'PKCS12';
  // A PEM key store holds the key and its chain in one file.
  const cert = pemLines(properties['ssl.keystore.certificate.chain']) ?? (isPkcs12 ? undefined : keystore);
  const key = pemLines(properties['ssl.keystore.key']) ?? (isPkcs12 ? undefined : keystore);
  const passphrase = isPkcs12 ? properties['ssl.keystore.password'] : properties['ssl.key.password'];
  const options = {
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

async function readTrustStore(properties: KafkaProperties): Promise<Buffer | undefined> {
  const { 'ssl.truststore.location': file } = properties;
  const content = file === undefined ? undefined : await readStore('ssl.truststore.location', file);
  if (content !== undefined && !content.includes('-----BEGIN CERTIFICATE-----')) {
    throw new KafkaConfigError(
      'UNREADABLE_FILE',
      `ssl.truststore.location ${file} is not in PEM, which is the form that is read; ` +
        `convert it with: ${toPem(file!, storeFormat(content))}`,
    );
  }
  return content;
}

async function readKeyStore(properties: KafkaProperties): Promise<Buffer | undefined> {
  const { 'ssl.keystore.location': file, 'ssl.keystore.type': type = 'PEM' } = properties;
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
  if ((format === 'PEM' || format === 'PKCS12') && format !== type) {
    throw new KafkaConfigError(
      'INVALID_PROPERTY',
      `ssl.keystore.type is ${type}, but ssl.keystore.location ${file} is ${format}; set ssl.keystore.type=${format}`,
    );
  }
  return content;
}

async function readStore(name: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new KafkaConfigError('UNREADABLE_FILE', `cannot read ${name}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
