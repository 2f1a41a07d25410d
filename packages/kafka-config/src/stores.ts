import { readFile } from 'node:fs/promises';
import { KafkaConfigError } from './errors.ts';

/** What a file with keys or certificates can be, as far as it can be told from its first bytes. */
type StoreFormat = 'JKS' | 'JCEKS' | 'PKCS12' | 'certificate' | 'PEM' | 'unknown';

/** Tells formats apart by their first bytes: nobody says what `keytool` made, which has changed with the version of Java. */
export function storeFormat(content: Buffer): StoreFormat {
  const [magic] = content.length < 4 ? [0] : [content.readUInt32BE()];
  if (magic === 0xfeed_feed) {
    return 'JKS';
  }
  if (magic === 0xcece_cece) {
    return 'JCEKS';
  }
  if (content.includes('-----BEGIN ')) {
    return 'PEM';
  }
  return derFormat(content);
}

/** In DER, both begin with a sequence: a PKCS #12 store's with its version, which is 3, a certificate's with another sequence. */
function derFormat(content: Buffer): StoreFormat {
  const [tag, length = 0] = content;
  if (tag !== 0x30) {
    return 'unknown';
  }
  const body = content.subarray(length < 0x80 ? 2 : 2 + (length & 0x7f));
  if (body[0] === 0x02) {
    return 'PKCS12';
  }
  return body[0] === 0x30 ? 'certificate' : 'unknown';
}

/** The command that makes a trust store readable here; it asks for the store's password. */
export function toPem(store: string, format: StoreFormat = 'unknown'): string {
  return format === 'certificate'
    ? `keytool -printcert -rfc -file ${quoted(store)} > truststore.pem`
    : `keytool -list -rfc -keystore ${quoted(store)}${sourceType(format, '-storetype')} > truststore.pem`;
}

/** The command that makes a key store readable here; it asks for both stores' passwords. */
export function toPkcs12(store: string, format: StoreFormat = 'unknown'): string {
  const source = `${quoted(store)}${sourceType(format, '-srcstoretype')}`;
  return `keytool -importkeystore -srckeystore ${source} -destkeystore keystore.p12 -deststoretype PKCS12`;
}

/** keytool finds out by itself whether a store is JKS or PKCS12, and nothing else. */
function sourceType(format: StoreFormat, option: string): string {
  return format === 'JCEKS' ? ` ${option} JCEKS` : '';
}

/** A word that a shell takes as it is. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * A file with keys or certificates.
 *
 * @param name the property that names it
 * @throws KafkaConfigError `UNREADABLE_FILE`
 */
export async function readStore(name: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new KafkaConfigError('UNREADABLE_FILE', `cannot read ${name}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * Certificates of authorities in PEM.
 *
 * @param name the property that names the file
 * @throws KafkaConfigError `UNREADABLE_FILE` with the command that converts another format
 */
export async function readTrustStore(name: string, file: string): Promise<Buffer> {
  const content = await readStore(name, file);
  if (!content.includes('-----BEGIN CERTIFICATE-----')) {
    throw new KafkaConfigError(
      'UNREADABLE_FILE',
      `${name} ${file} is not in PEM, which is the form that is read; ` +
        `convert it with: ${toPem(file, storeFormat(content))}`,
    );
  }
  return content;
}
