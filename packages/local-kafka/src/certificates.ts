import { execFile } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { javaProgram, notInstalled } from './java.ts';
import { LocalKafkaError } from './local-kafka-error.ts';

// For what lives so shortly, the optimizing compiler is half of the work.
const FLAGS = ['-J-XX:+UseSerialGC', '-J-XX:TieredStopAtLevel=1'];
// PKCS #12 requires a password; it guards nothing here.
const PASSWORD = 'local-kafka';
const VALID = ['-validity', '3650'];
const EXPIRED = ['-startdate', '-2d', '-validity', '1'];
// The object identifier of a PKCS #8 shrouded key bag, 1.2.840.113549.1.12.10.1.2, in DER.
const KEY_BAG = Buffer.from('060b2a864886f70d010c0a0102', 'hex');

/** What `createCertificates` made: paths of files, and the password of the key stores. */
export interface Certificates {
  /** The certificate of the private certificate authority that signed the others, PEM. */
  readonly ca: string;
  /** The brokers' key and certificate for localhost and 127.0.0.1, PKCS #12. */
  readonly serverKeystore: string;
  /** The client's key and certificate, whose subject is CN=client, PKCS #12. */
  readonly clientKeystore: string;
  /** The client's certificate, PEM. */
  readonly clientCertificate: string;
  /** The client's private key, PEM, not encrypted. */
  readonly clientKey: string;
  /** The password of both key stores. */
  readonly password: string;
}

/**
 * Makes a private certificate authority and certificates signed by it, for one server and one client, with the
 * JDK's `keytool`. The directory is created if it does not exist; it must not have such files yet.
 *
 * @param options.expired whether those of the server and the client ended yesterday. Default: false, they are
 * valid for ten years, as the authority always is
 * @throws {LocalKafkaError} `NOT_INSTALLED` or `CERTIFICATES_FAILED`
 */
export async function createCertificates(
  directory: string,
  { expired = false }: { readonly expired?: boolean } = {},
): Promise<Certificates> {
  const certificates = {
    ca: join(directory, 'ca.pem'),
    serverKeystore: join(directory, 'server.p12'),
    clientKeystore: join(directory, 'client.p12'),
    clientCertificate: join(directory, 'client.pem'),
    clientKey: join(directory, 'client-key.pem'),
    password: PASSWORD,
  };
  await mkdir(directory, { recursive: true });

  const authority = join(directory, 'ca.p12');
  await generateKey(authority, 'ca', ...VALID, '-ext', 'BasicConstraints:critical=ca:true');
  const validity = expired ? EXPIRED : VALID;
  await Promise.all([
    exportCertificate(authority, 'ca', certificates.ca),
    issueServerCertificate(authority, certificates, validity),
    issueClientCertificate(authority, certificates, validity),
  ]);
  await rm(authority);
  return certificates;
}

async function issueServerCertificate(
  authority: string,
  { serverKeystore }: Certificates,
  validity: readonly string[],
): Promise<void> {
  const names = ['-ext', 'SAN=DNS:localhost,IP:127.0.0.1'];
  await issueCertificate(authority, serverKeystore, 'localhost', ...validity, ...names);
}

async function issueClientCertificate(
  authority: string,
  certificates: Certificates,
  validity: readonly string[],
): Promise<void> {
  const { clientKeystore, clientCertificate, clientKey } = certificates;
  await issueCertificate(authority, clientKeystore, 'client', ...validity);
  await exportCertificate(clientKeystore, 'client', clientCertificate);
  await writeFile(clientKey, decryptPrivateKey(await readFile(clientKeystore)), { mode: 0o600 });
}

async function issueCertificate(
  authority: string,
  keystore: string,
  name: string,
  ...options: string[]
): Promise<void> {
  // keytool signs only with a key of the same store. The signer's key must not stay there: the broker might
  // show the signer's certificate as its own.
  await copyFile(authority, keystore);
  await generateKey(keystore, name, '-signer', 'ca', ...options);
  await keytool(keystore, '-delete', '-alias', 'ca');
}

async function generateKey(keystore: string, name: string, ...options: string[]): Promise<void> {
  const identity = ['-alias', name, '-dname', `CN=${name}`];
  await keytool(keystore, '-genkeypair', ...identity, '-keyalg', 'EC', '-groupname', 'secp256r1', ...options);
}

async function exportCertificate(keystore: string, name: string, pemFile: string): Promise<void> {
  await keytool(keystore, '-exportcert', '-rfc', '-alias', name, '-file', pemFile);
}

async function keytool(keystore: string, ...args: string[]): Promise<void> {
  const program = javaProgram('keytool');
  const store = ['-keystore', keystore, '-storetype', 'PKCS12', '-storepass', PASSWORD];
  await promisify(execFile)(program, [...FLAGS, ...args, ...store]).catch((error: unknown) => {
    const { code, stdout } = error as { code?: unknown; stdout?: string };
    if (code === 'ENOENT') {
      throw notInstalled(`"${program}"`, error);
    }
    throw new LocalKafkaError(
      'CERTIFICATES_FAILED',
      `keytool could not make a certificate: ${stdout?.trim()}`,
      {
        cause: error,
      },
    );
  });
}

/**
 * The only private key of a PKCS #12 file, as PEM; keytool has no way to export one. The file holds it as a key
 * bag: an object identifier and then, in an explicit tag, the PKCS #8 structure that Node can decrypt.
 */
function decryptPrivateKey(pkcs12: Buffer): string {
  const bag = pkcs12.indexOf(KEY_BAG);
  if (bag === -1) {
    throw new LocalKafkaError('CERTIFICATES_FAILED', 'keytool made a key store without a private key.');
  }
  const explicitTag = bag + KEY_BAG.length;
  const key = pkcs12.subarray(contentOffset(pkcs12, explicitTag));
  return createPrivateKey({ key, format: 'der', type: 'pkcs8', passphrase: PASSWORD })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

/** Where the content of the DER element at the offset begins: after its tag and its length of 1 or more bytes. */
function contentOffset(der: Buffer, offset: number): number {
  const length = der.readUInt8(offset + 1);
  return offset + 2 + (length < 0x80 ? 0 : length & 0x7f);
}
