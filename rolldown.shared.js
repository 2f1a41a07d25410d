// How an app becomes one file: our own packages and kafkajs are bundled (from source, so
// that no package has to be built first); everything else is imported at run time.
import { defineConfig } from 'rolldown';

const bundled = /^(@image-stream\/|kafkajs$|\.{0,2}\/)/;

/** Not even where kafkajs imports it. */
const native = /^@node-rs\//;

export function app() {
  return defineConfig({
    input: 'src/main.ts',
    platform: 'node',
    external: (id, importer) =>
      native.test(id) || (!bundled.test(id) && importer?.includes('kafkajs') !== true),
    resolve: { conditionNames: ['@image-stream/source', 'node', 'import', 'default'] },
    output: { dir: 'dist', format: 'esm', cleanDir: true, sourcemap: true, banner: '#!/usr/bin/env node' },
  });
}
