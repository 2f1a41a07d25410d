import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { startGuard } from './guard.ts';
import type { Guard } from './guard.ts';
import type { Installation } from './installation.ts';
import { jvmStarter } from './jvm.ts';
import { LocalKafkaError } from './local-kafka-error.ts';
import { withLock } from './lock.ts';
import { bootstrapFileOf, prepareNode, startNode } from './node.ts';
import type { KafkaNode } from './node.ts';
import { STATE_DIRECTORY } from './package-files.ts';
import { findFreePorts } from './ports.ts';
import { waitUntilReady } from './readiness.ts';

const ARCHIVE_TIMEOUT_MS = 60_000;
/** Java's exit code after a SIGTERM, once all that it does at its end is done. */
const TERMINATED = 143;

/**
 * Adds the files that halve the time of a start. They are made once for each Java and Kafka, by starting a broker and shutting it
 * down; where that is not possible, every start takes its full time.
 */
export async function withStartCache(
  installation: Installation,
  report: (message: string) => void = () => {},
  stateDirectory: string = STATE_DIRECTORY,
): Promise<Installation> {
  const cache = join(stateDirectory, `start-${fingerprint(installation)}`);
  if (!existsSync(cache)) {
    await mkdir(stateDirectory, { recursive: true });
    await withLock(`${cache}.lock`, async () => {
      if (!existsSync(cache)) {
        report('Preparing faster starts of Kafka (some 10 seconds, only the first time)');
        await makeCache(installation, cache);
      }
    });
  }
  const [classArchive, bootstrapFile] = filesOf(cache).map((file) => (existsSync(file) ? file : undefined));
  return { ...installation, classArchive, bootstrapFile };
}

function filesOf(cache: string): [classArchive: string, bootstrapFile: string] {
  return [join(cache, 'classes.jsa'), join(cache, 'bootstrap.checkpoint')];
}

/** An archive is of one build of Java and of these very jars. */
function fingerprint({ javaVersion, classpath }: Installation): string {
  const hash = createHash('sha256').update(javaVersion);
  for (const jar of classpath.split(delimiter)) {
    const { size, mtimeMs } = statSync(jar);
    hash.update(`\n${jar} ${size} ${mtimeMs}`);
  }
  return hash.digest('hex').slice(0, 16);
}

async function makeCache(installation: Installation, cache: string): Promise<void> {
  const workplace = `${cache}.${randomUUID()}`;
  const made = join(workplace, 'made');
  await mkdir(made, { recursive: true });
  const guard = startGuard(workplace);
  try {
    await runBroker(installation, guard, workplace, made).catch((error: unknown) => {
      // A Java that knows no such archives will not know them the next time either.
      if (!(error instanceof LocalKafkaError && error.code === 'START_FAILED')) {
        throw error;
      }
    });
    // Only now: a JVM crashes over an archive that is not complete.
    await rename(made, cache);
  } finally {
    await guard.release();
  }
}

/** Starts a broker and shuts it down, which leaves the files in the directory. */
async function runBroker(
  installation: Installation,
  guard: Guard,
  workplace: string,
  directory: string,
): Promise<void> {
  const [client, internal, controller] = await findFreePorts(3);
  const ports = { client: client!, internal: internal!, controller: controller!, others: {} };
  const node: KafkaNode = { id: 1, ports, directory: join(workplace, 'broker') };
  const [classArchive, bootstrapFile] = filesOf(directory);
  const startJvm = jvmStarter(installation, guard);
  await prepareNode(startJvm, node, [node], randomBytes(16).toString('base64url'), {});
  await copyFile(bootstrapFileOf(node), bootstrapFile);

  // Without the optimizing compiler, which pays only in what lives longer.
  const flags = [`-XX:ArchiveClassesAtExit=${classArchive}`, '-XX:TieredStopAtLevel=1'];
  const jvm = startNode((args, ...rest) => startJvm([...flags, ...args], ...rest), node);
  await waitUntilReady(node, jvm, [node.id]);
  jvm.signal('SIGTERM');
  const patience = new AbortController();
  setTimeout(ARCHIVE_TIMEOUT_MS, undefined, { signal: patience.signal }).then(
    () => jvm.signal('SIGKILL'),
    () => {},
  );
  const exitCode = await jvm.exited;
  patience.abort();
  if (exitCode !== TERMINATED) {
    await rm(classArchive, { force: true });
  }
}
