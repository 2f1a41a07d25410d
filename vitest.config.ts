import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const conditions = ['@image-stream/source', 'node', 'import', 'default'];
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const folders = ['packages', 'apps'].flatMap((parent) =>
  readdirSync(here(parent)).map((name) => `${parent}/${name}`),
);

export default defineConfig({
  test: {
    reporters: ['default', fileURLToPath(new URL('scripts/plain-reporter.mjs', import.meta.url))],
    projects: [...folders, 'e2e', 'bench']
      .filter((folder) => existsSync(here(`${folder}/src`)))
      .map((folder) => ({
        ssr: { resolve: { conditions } },
        test: {
          name: folder.split('/').at(-1)!,
          root: here(folder),
          include: ['src/**/*.test.ts'],
          globalSetup: folder === 'e2e' ? [here('e2e/src/global-setup.ts')] : [],
          // Real brokers start within tests, several at once on two cores.
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      })),
  },
});
