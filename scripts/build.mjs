// Builds one package or app with what it depends on, or everything, in silence:
// turbo's report is shown only when the build fails.
//
//   node scripts/build.mjs [name]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const [name] = process.argv.slice(2);
const filter = name === undefined ? [] : [`--filter=@image-stream/${name}`];
const turbo = fileURLToPath(new URL('../node_modules/turbo/bin/turbo', import.meta.url));

const build = spawnSync(process.execPath, [turbo, 'run', 'build', ...filter, '--output-logs=errors-only'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  encoding: 'utf8',
});
if (build.status !== 0) {
  process.stderr.write(`${build.stdout}${build.stderr}${build.error ?? ''}\n`);
  process.exit(1);
}
