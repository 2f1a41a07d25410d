import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findInstallation } from './installation.ts';
import type { Installation } from './installation.ts';
import { jvmStarter } from './jvm.ts';
import { withStartCache } from './start-cache.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'local-kafka-start-'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

test("Kafka's classes come from the archive", async () => {
  const installation = await withStartCache(await findInstallation());
  const log = await runTool(installation, '-Xlog:class+load');
  expect(log).toMatch(/org\.apache\.kafka\.\S+ source: shared objects file \(top\)/);
});

test('options of the environment make no other archive', async () => {
  vi.stubEnv('JDK_JAVA_OPTIONS', undefined);
  const { javaVersion } = await findInstallation();
  vi.stubEnv('JDK_JAVA_OPTIONS', '-XX:TieredStopAtLevel=1');
  expect(await findInstallation()).toMatchObject({ javaVersion });
});

test.each([
  ['is damaged', async () => ({ classArchive: await damagedArchive() })],
  ['is gone', async () => ({ classArchive: join(directory, 'gone.jsa') })],
  [
    'is of other jars',
    async ({ classArchive, classpath }: Installation) => ({
      classArchive,
      classpath: `${directory}${delimiter}${classpath}`,
    }),
  ],
])('an archive that %s is passed over in silence', async (_how, change) => {
  const installation = await withStartCache(await findInstallation());
  const log = await runTool({ ...installation, ...(await change(installation)) });
  expect(log).toMatch(/^(?:NOTE: .*\n)?[\w-]{22}\n$/);
});

test('a Java that makes no archives is asked once, and Kafka starts without', async () => {
  const java = join(directory, 'java');
  const script = 'case "$*" in *ArchiveClassesAtExit*) exit 1; esac\nexec "$REAL_JAVA" "$@"';
  await writeFile(java, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const real = await findInstallation();
  vi.stubEnv('REAL_JAVA', real.java);
  const installation = { ...real, java };
  const report = vi.fn<(message: string) => void>();
  const state = join(directory, 'state');
  for (let start = 1; start <= 2; start++) {
    expect((await withStartCache(installation, report, state)).classArchive).toBeUndefined();
  }
  expect(report).toHaveBeenCalledOnce();
  // Nothing but the cache: no lock, no broker's files.
  expect(await readdir(state)).toEqual([expect.stringMatching(/^start-[0-9a-f]{16}$/)]);
});

async function damagedArchive(): Promise<string> {
  const file = join(directory, 'damaged.jsa');
  await writeFile(file, 'no archive');
  return file;
}

/** What Kafka's tool for storage prints and logs when it makes an id. */
async function runTool(installation: Installation, ...flags: string[]): Promise<string> {
  const logFile = join(directory, 'log');
  const args = [...flags, 'kafka.tools.StorageTool', 'random-uuid'];
  const jvm = jvmStarter(installation)(args, directory, logFile);
  expect(await jvm.exited).toBe(0);
  return await readFile(logFile, 'utf8');
}
