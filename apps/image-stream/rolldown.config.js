import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';
import { app, conditionNames } from '../../rolldown.shared.js';
import { licenses } from './third-party.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const page = here('../gallery/dist/page');
const localKafka = here('../../packages/local-kafka');

/** What the code finds relative to itself: what the browser gets beside it, what Maven and Java read a folder above it. */
const files = [
  ...readdirSync(page).map((name) => [`js/page/${name}`, `${page}/${name}`]),
  ...['pom.xml', 'log4j2.properties'].map((name) => [name, `${localKafka}/${name}`]),
];

const assets = {
  name: 'assets',
  buildStart() {
    for (const [fileName, path] of files) {
      this.emitFile({ type: 'asset', fileName, source: readFileSync(path) });
    }
  },
};

// Not called LICENSES: pnpm would take that for the license of the package itself, and leave the real one out.
const notices = licenses('third-party-notices.txt');

const programs = app(
  { index: 'src/index.ts', 'file-loader-worker': '../producer/src/file-loader-worker.ts' },
  'js/',
  [assets, notices],
);

/** What the library's users see of it, in one file, from what the compiler says of every file that it is made of. */
const types = defineConfig({
  input: { index: 'src/index.ts' },
  resolve: { conditionNames },
  plugins: [
    dts({
      emitDtsOnly: true,
      tsgo: { path: here('node_modules/.bin/tsc') },
      tsconfig: here('../../tsconfig.types.json'),
    }),
  ],
  output: { dir: 'dist/types', cleanDir: true, banner: '/// <reference types="node" />' },
});

export default [programs, types];
