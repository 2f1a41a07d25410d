// How an app becomes a program that starts fast: all JavaScript is bundled, our own packages from source, so that no
// package has to be built first. To find and load some hundred files one by one took half of the time of --help.
import { defineConfig } from 'rolldown';

/** What has native code is imported from node_modules at run time. */
const native = /^(sharp|@napi-rs\/image|snappy|lz4-napi|@mongodb-js\/zstd|@node-rs\/.*)$/;

/** Our own packages, from their source. */
export const conditionNames = ['@image-stream/source', 'node', 'import', 'default'];

/**
 * @param entries what else is loaded by its name: modules that run on threads of their own, by the name of the file that `new Worker` is
 *   given, without `.js`
 * @param folder of `dist`, with a slash behind it, where the code goes. Default: `dist` itself
 */
export function app(entries = {}, folder = '', plugins = []) {
  return defineConfig({
    input: { main: 'src/main.ts', ...entries },
    platform: 'node',
    external: native,
    resolve: { conditionNames },
    plugins,
    output: {
      dir: 'dist',
      entryFileNames: `${folder}[name].js`,
      chunkFileNames: `${folder}[name]-[hash].js`,
      format: 'esm',
      cleanDir: true,
      sourcemap: true,
      banner: '#!/usr/bin/env node',
    },
  });
}
