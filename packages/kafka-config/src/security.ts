import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { KafkaConfig } from 'kafkajs';
import { KafkaConfigError } from './errors.ts';
import { toPem, toPkcs12 } from './known-properties.ts';
import type { KafkaProperties } from './known-properties.ts';
import { saslOptions } from './sasl.ts';

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
    (await readStore(properties, 'ssl.truststore.location'));
  const keystore = await readStore(properties, 'ssl.keystore.location');
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
      `the key and certificates of ssl.keystore.* cannot be used: ${(error as Error).message}; ` +
        'check their passwords, and ssl.keystore.type, which is PEM unless set to PKCS12',
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
      `${name} ${file} is not in PEM, which is the form that is read; convert it with: ${toPem(file)}`,
    );
  }
  if (name === 'ssl.keystore.location' && javaMagics.has(content.subarray(0, 4).toString('hex'))) {
    throw new KafkaConfigError(
      'UNREADABLE_FILE',
      `${name} ${file} is in Java's own form (JKS), not PEM or PKCS12; convert it with: ${toPkcs12(file)}; ` +
        'then name keystore.p12 and set ssl.keystore.type=PKCS12',
    );
  }
  return content;
}

/** The first bytes of a store of JKS and of JCEKS, whatever ssl.keystore.type says. */
const javaMagics = new Set(['feedfeed', 'cececece']);
