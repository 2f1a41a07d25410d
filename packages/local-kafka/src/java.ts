import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LocalKafkaError } from './local-kafka-error.ts';
import { kafka } from './product.ts';
import type { Product } from './product.ts';

const OLDEST_JAVA = 17;

/** The path of a program of the JDK: the one in JAVA_HOME, which Maven uses too, or else the one on the PATH. */
export function javaProgram(name: 'java' | 'keytool'): string {
  const home = process.env['JAVA_HOME'];
  return home === undefined || home === '' ? name : join(home, 'bin', name);
}

/** One message for everything that may be missing, so that nobody installs in two rounds. */
export function notInstalled(
  missing: string,
  cause: unknown,
  { name, alternative }: Product = kafka,
): LocalKafkaError {
  return new LocalKafkaError(
    'NOT_INSTALLED',
    `Running ${name} without Docker needs Java ${OLDEST_JAVA} or newer and Maven, but ${missing} was not found. ` +
      'Install both (Debian, Ubuntu: "apt install default-jre-headless maven"; macOS: "brew install openjdk maven")' +
      `${alternative}.`,
    { cause },
  );
}

/**
 * @returns what Java says of its version and build
 * @throws {LocalKafkaError} `NOT_INSTALLED` or `JAVA_TOO_OLD`
 */
export async function checkJavaVersion(java: string, product: Product = kafka): Promise<string> {
  // Also on macOS, where a placeholder for "java" always exists and fails, a failure means that there is no Java.
  const { stderr } = await promisify(execFile)(java, ['-version']).catch((error: unknown) => {
    throw notInstalled(`"${java}"`, error, product);
  });
  // For example: openjdk version "17.0.15" 2025-04-15, and up to Java 8: java version "1.8.0_402".
  const found = /version "(?<full>(?:1\.)?(?<major>\d+)[^"]*)"/.exec(stderr);
  const version = found?.groups;
  if (Number(version?.['major']) < OLDEST_JAVA) {
    throw new LocalKafkaError(
      'JAVA_TOO_OLD',
      `${product.name} needs Java ${OLDEST_JAVA} or newer, but "${java}" is version ${version?.['full']}. ` +
        'Install a newer one, or let JAVA_HOME point to it.',
    );
  }
  // Before it, Java names the options that it takes from the environment, and after the comma what they do.
  return stderr.slice(found?.index).split(',', 1)[0]!;
}
