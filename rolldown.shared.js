// How an app becomes a program that starts fast: all JavaScript is bundled, our own packages from source, so that no
// package has to be built first. To find and load some hundred files one by one took half of the time of --help.
import { defineConfig } from 'rolldown';

/** What has native code is imported from node_modules at run time. */
const native = /^(sharp|@napi-rs\/image|snappy|lz4-napi|@mongodb-js\/zstd|@node-rs\/.*)$/;

/** @param threads modules that run on threads of their own, by the name of the file that `new Worker` is given, without `.js` */
export function app(threads = {}) {
  return defineConfig({
    input: { main: 'src/main.ts', ...threads },
    platform: 'node',
    external: native,
    resolve: { conditionNames: ['@image-stream/source', 'node', 'import', 'default'] },
    output: { dir: 'dist', format: 'esm', cleanDir: true, sourcemap: true, banner: '#!/usr/bin/env node' },
  });
}
