import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadProperties } from './index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-config-managed-'));
  await writeFile(join(folder, 'sasl.jaas.config'), 'ScramLoginModule required username="a" password="b";');
});
afterAll(() => rm(folder, { recursive: true }));

const page = readFileSync(new URL('../../../docs/managed-kafka.md', import.meta.url), 'utf8');
const files = [...page.matchAll(/^```properties\n(.*?)^```$/gms)].map(([, content = '']) => content);

test('docs/managed-kafka.md has all services', () => {
  expect(files.length).toBeGreaterThan(9);
});

test.each(files)('what it shows is understood to the last line: %s', async (content) => {
  const file = join(folder, 'client.properties');
  await writeFile(file, content.replaceAll('/run/user:', `${folder}:`));
  const said: string[] = [];
  const logger = {
    debug: (message: string) => said.push(message),
    warn: (message: string) => said.push(message),
  };
  const properties = await loadProperties({ file }, logger);
  expect(said).toEqual([]);
  const settings = content.split('\n').filter((line) => /^[a-z]/.test(line) && !line.startsWith('config.'));
  expect(Object.keys(properties)).toHaveLength(settings.length);
});
