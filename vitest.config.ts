import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const conditions = ['@image-stream/source', 'node', 'import', 'default'];
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const folders = ['packages', 'apps'].flatMap((parent) =>
  readdirSync(here(parent)).map((name) => `${parent}/${name}`),
);

/** Those whose tests start brokers, several at once on two cores. */
const withBrokers = new Set([
  'packages/kafka-client',
  'packages/kafka-config',
  'packages/local-kafka',
  'packages/local-s3',
  'e2e',
  'bench',
]);

/** Those that put something in the place of a module, or of a part of the process, that another file must not see. */
const mocksModules = new Set([
  'packages/storage',
  'packages/program',
  'packages/kafka-client',
  'packages/kafka-config',
  'packages/local-kafka',
  'bench',
]);

/** Whether there are property tests among those of a package. */
const hasProperties = (folder: string): boolean =>
  readFileSync(here(`${folder}/package.json`), 'utf8').includes('"fast-check"');

// The brokers of tests live for seconds, too short for the JVM's optimizing compiler to pay: half of their processor time.
process.env['JDK_JAVA_OPTIONS'] ??= '-XX:TieredStopAtLevel=1';

export default defineConfig({
  test: {
    // Half of a test is waiting for brokers and programs.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    reporters: ['default', fileURLToPath(new URL('scripts/plain-reporter.mjs', import.meta.url))],
    projects: [...folders, 'e2e', 'bench']
      .filter((folder) => existsSync(here(`${folder}/src`)))
      .map((folder) => ({
        ssr: { resolve: { conditions } },
        test: {
          name: folder.split('/').at(-1)!,
          root: here(folder),
          include: ['src/**/*.test.ts'],
          setupFiles: [
            here('scripts/node-warnings.mjs'),
            ...(hasProperties(folder) ? [here('scripts/fixed-seeds.mjs')] : []),
          ],
          globalSetup: [here(`${folder}/src/global-setup.ts`)].filter((file) => existsSync(file)),
          // What tests of programs change is in other processes, and to load all that they import takes each file a good half second.
          isolate: mocksModules.has(folder),
          testTimeout: withBrokers.has(folder) ? 120_000 : 15_000,
          hookTimeout: 120_000,
        },
      })),
  },
});
