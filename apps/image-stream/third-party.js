import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Adds a file with the licenses of all packages that are in the bundle: they ask to be passed on with it. */
export function licenses(fileName) {
  return {
    name: 'licenses',
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap(({ moduleIds = [] }) => moduleIds);
      const packages = new Set(
        modules.flatMap((id) => /^(\/.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? []),
      );
      const texts = new Map([...packages].map((folder) => licenseOf(folder)));
      const source = [...texts]
        .toSorted(([one], [other]) => one.localeCompare(other))
        .map(([name, text]) => `${name}\n\n${text.trim()}\n`)
        .join(`\n${'-'.repeat(80)}\n\n`);
      this.emitFile({ type: 'asset', fileName, source });
    },
  };
}

function licenseOf(folder) {
  const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  const text = files.map((file) => readFileSync(join(folder, file), 'utf8').trim()).join('\n\n');
  return [
    `${name} ${version}`,
    text || `License: ${license}. Author: ${author?.name ?? author ?? 'not named'}.`,
  ];
}
