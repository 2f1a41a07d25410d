// Builds one package or app with what it depends on, or everything, in silence but for a line the first time:
// turbo's report is shown only when the build fails.
//
//   node scripts/build.mjs [name]
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';

const [name] = process.argv.slice(2);
const filter = name === undefined ? [] : [`--filter=@image-stream/${name}`];
const bin = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));
const turbo = fileURLToPath(new URL('../node_modules/turbo/bin/turbo', import.meta.url));

const built = ['apps', 'packages'].map(
  (folder) => new URL(`../${folder}/${name ?? 'local-kafka'}/dist`, import.meta.url),
);
if (!built.some((folder) => existsSync(folder))) {
  process.stderr.write(`Building ${name ?? 'everything'} ...\n`);
}
const build = spawnSync(process.execPath, [turbo, 'run', 'build', ...filter, '--output-logs=errors-only'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  encoding: 'utf8',
  // turbo runs each package's script with the pnpm that it finds.
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` },
});
if (build.status !== 0) {
  process.stderr.write(`${build.stdout}${build.stderr}${build.error ?? ''}\n`);
  process.exit(1);
}
