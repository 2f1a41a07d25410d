import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { app } from '../../rolldown.shared.js';

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

export default app({ 'file-loader-worker': '../producer/src/file-loader-worker.ts' }, 'js/', [assets]);
