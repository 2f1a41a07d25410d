import { readFileSync } from 'node:fs';
import { defineConfig } from 'rolldown';
import { app } from '../../rolldown.shared.js';

const assets = ['index.html', 'style.css', 'icon.svg'];

/** What the browser gets: one script, and files as they are. */
const page = defineConfig({
  input: { main: 'src/page/main.ts' },
  platform: 'browser',
  output: { dir: 'dist/page', format: 'esm', cleanDir: true },
  plugins: [
    {
      name: 'assets',
      buildStart() {
        for (const fileName of assets) {
          this.addWatchFile(`src/page/${fileName}`);
          this.emitFile({ type: 'asset', fileName, source: readFileSync(`src/page/${fileName}`) });
        }
      },
    },
  ],
});

export default [app(), page];
