import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { notInstalled } from './java.ts';
import { LocalKafkaError } from './local-kafka-error.ts';
import { withLock } from './lock.ts';
import { STATE_DIRECTORY } from './package-files.ts';
import { kafka } from './product.ts';
import type { Product } from './product.ts';

/** The class path of a product: from the cache if all of its jars still exist, else from Maven. */
export async function resolveClasspath(
  report: (message: string) => void,
  cacheDirectory: string = STATE_DIRECTORY,
  product: Product = kafka,
): Promise<string> {
  const pomHash = createHash('sha256')
    .update(await readFile(product.pomFile))
    .digest('hex');
  const cacheFile = join(cacheDirectory, `classpath-${pomHash.slice(0, 16)}`);
  const cached = await readClasspath(cacheFile);
  if (cached !== undefined) {
    return cached;
  }
  await mkdir(cacheDirectory, { recursive: true });
  // Maven does not protect its repository from another Maven, and one download is enough.
  return await withLock(`${cacheFile}.lock`, async () => {
    const resolvedMeanwhile = await readClasspath(cacheFile);
    if (resolvedMeanwhile !== undefined) {
      return resolvedMeanwhile;
    }
    report(`Getting ${product.name} from Maven Central (about ${product.size}, only the first time)`);
    return await runMaven(cacheFile, product);
  });
}

async function readClasspath(cacheFile: string): Promise<string | undefined> {
  if (!existsSync(cacheFile)) {
    return undefined;
  }
  const classpath = await readFile(cacheFile, 'utf8');
  return classpath.split(delimiter).every((jar) => existsSync(jar)) ? classpath : undefined;
}

async function runMaven(cacheFile: string, product: Product): Promise<string> {
  const outputFile = `${cacheFile}.${randomUUID()}`;
  const goal = [
    'org.apache.maven.plugins:maven-dependency-plugin:build-classpath',
    `-Dmdep.outputFile=${outputFile}`,
  ];
  try {
    await promisify(execFile)('mvn', ['--batch-mode', '--quiet', '--file', product.pomFile, ...goal]);
    // Only a complete file ever has the cache's name.
    await rename(outputFile, cacheFile);
  } catch (error) {
    await rm(outputFile, { force: true });
    throw mavenFailure(error, product);
  }
  return await readFile(cacheFile, 'utf8');
}

function mavenFailure(error: unknown, product: Product): LocalKafkaError {
  const { code, stdout = '' } = error as { code?: unknown; stdout?: string };
  if (code === 'ENOENT') {
    return notInstalled('"mvn"', error, product);
  }
  // Maven's first error names the problem; the others explain how to run Maven.
  const problem = /\[ERROR\] (?<text>.*)/.exec(stdout)?.groups?.['text'] ?? String(error);
  const message = `Maven could not get ${product.name} from Maven Central: ${problem}`;
  return new LocalKafkaError('DOWNLOAD_FAILED', message, { cause: error });
}
