import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { resolveClasspath } from './classpath.ts';
import { findInstallation } from './installation.ts';

const INSTALL = /needs Java 17 or newer and Maven.*apt install.*brew install.*docker compose up -d/;
const ignore = () => {};
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'local-kafka-path-'));
  vi.stubEnv('JAVA_HOME', '');
  vi.stubEnv('PATH', directory);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

test('without Java, the error says what to install', async () => {
  const found = findInstallation();
  await expect(found).rejects.toMatchObject({ code: 'NOT_INSTALLED' });
  await expect(found).rejects.toThrow(INSTALL);
});

test('without Maven, the error says what to install', async () => {
  const resolved = resolveClasspath(ignore, directory);
  await expect(resolved).rejects.toMatchObject({ code: 'NOT_INSTALLED' });
  await expect(resolved).rejects.toThrow(INSTALL);
});

test.for(['openjdk version "11.0.22" 2024-01-16', 'java version "1.8.0_402"'])(
  '%s is too old',
  async (line) => {
    await program('java', `echo '${line}' >&2`);
    const [version] = /[\d._]+(?=")/.exec(line)!;
    await expect(findInstallation()).rejects.toMatchObject({
      code: 'JAVA_TOO_OLD',
      message: expect.stringContaining(`is version ${version}.`),
    });
  },
);

test("Maven's own words say why Kafka could not be downloaded", async () => {
  await program(
    'mvn',
    'echo "[ERROR] Could not transfer artifact"; echo "[ERROR] To see the full stack"; exit 1',
  );
  await expect(resolveClasspath(ignore, directory)).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: expect.stringMatching(/Could not transfer artifact$/),
  });
});

test('processes that need the class path at the same time run Maven once', async () => {
  const jar = join(directory, 'kafka.jar');
  await writeFile(jar, '');
  await program('mvn', `for o; do :; done; printf %s ${jar} > "\${o#*=}"`);

  const report = vi.fn<(message: string) => void>();
  const resolve = async () => await resolveClasspath(report, join(directory, 'state'));
  expect(await Promise.all([resolve(), resolve(), resolve()])).toEqual([jar, jar, jar]);
  expect(report).toHaveBeenCalledOnce();
});

test('a missing jar is fetched again', async () => {
  const jar = join(directory, 'kafka.jar');
  await program('mvn', `: > ${jar}; for o; do :; done; printf %s ${jar} > "\${o#*=}"`);
  expect(await resolveClasspath(ignore, directory)).toBe(jar);
  await rm(jar);
  expect(await resolveClasspath(ignore, directory)).toBe(jar);
});

async function program(name: string, script: string): Promise<void> {
  await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}
