import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { expectWellFormed } from './packed.test-support.ts';

/** What others can install; see CONTRIBUTING.md on releases. */
const published = ['codec', 'image-io', 'kafka-config'] as const;

const root = fileURLToPath(new URL('../../', import.meta.url));
const tarballs = mkdtempSync(join(tmpdir(), 'image-stream-packed-'));
afterAll(() => rmSync(tarballs, { recursive: true }));

const tarballOf = (name: string): string => join(tarballs, `${name}.tgz`);
const packageOf = (name: string): string => join(tarballs, name, 'package');

/** Packs as a release does. */
beforeAll(() => {
  for (const name of published) {
    mkdirSync(join(tarballs, name));
    const pnpm = join(root, 'node_modules/.bin/pnpm');
    execFileSync(pnpm, ['pack', '--out', tarballOf(name)], { cwd: join(root, 'packages', name) });
    execFileSync('tar', ['-xzf', tarballOf(name), '-C', join(tarballs, name)]);
  }
});

describe.each(published)('%s', (name) => {
  test('publint and the types say that it is well-formed', () => expectWellFormed(tarballOf(name)));

  test('it holds what is needed, and nothing that only this repository has', () => {
    const files = filesIn(packageOf(name));
    expect(files).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'dist/index.d.ts', 'dist/index.js', 'src/index.ts']),
    );
    expect(files.filter((file) => /test|example|tsconfig/.test(file))).toEqual([]);

    const manifest = readFileSync(join(packageOf(name), 'package.json'), 'utf8');
    expect(manifest).not.toMatch(/workspace:|catalog:|@image-stream\/source/);
    const { dependencies = {}, peerDependencies = {} } = JSON.parse(manifest);
    const ofOurs = Object.keys({ ...dependencies, ...peerDependencies }).filter((one) =>
      one.startsWith('@image-stream/'),
    );
    expect(published.map((one) => `@image-stream/${one}`)).toEqual(expect.arrayContaining(ofOurs));
    for (const file of files.filter((one) => one.endsWith('.js'))) {
      const imports = readFileSync(join(packageOf(name), file), 'utf8').matchAll(/from '([^.][^']*)'/g);
      const needed = [...imports].map(([, specifier]) => specifier!).filter((one) => !isBuiltin(one));
      expect(Object.keys({ ...dependencies, ...peerDependencies }), file).toEqual(
        expect.arrayContaining(needed),
      );
    }
  });
});

test.each(['nodenext', 'bundler'])(
  'a strict project with moduleResolution %s uses them',
  (moduleResolution) => {
    const project = projectWith(...published);
    for (const name of published) {
      cpSync(join(root, 'packages', name, 'examples'), join(project, 'src'), { recursive: true });
    }
    expect(compile(project, moduleResolution)).toBe('');
    expect(node(project, 'dist/transcode.js')).toMatch(
      /mediaType: 'image\/png',\s+width: 640,\s+height: 480/,
    );
  },
);

test('npm installs the codec into an empty project, where ES modules and CommonJS run it', () => {
  const project = temporaryFolder();
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  const options = ['--offline', '--no-audit', '--no-fund', '--silent'];
  execFileSync('npm', ['install', ...options, tarballOf('codec')], { cwd: project });
  expect(Object.keys(JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')).dependencies)).toEqual([
    '@image-stream/codec',
  ]);

  const types = join(project, 'node_modules/@types');
  mkdirSync(types, { recursive: true });
  symlinkSync(join(root, 'e2e/node_modules/@types/node'), join(types, 'node'));
  cpSync(join(root, 'packages/codec/examples'), join(project, 'src'), { recursive: true });
  expect(compile(project, 'nodenext')).toBe('');
  expect(node(project, 'dist/round-trip.js')).toMatch(/^two-pixels {\s+shape: \[ 1, 2, 3 ]/);

  writeFileSync(
    join(project, 'plain.cjs'),
    `const { decodeRecord, encodeImage } = require('@image-stream/codec');
     const content = { mediaType: 'image/png', bytes: Buffer.from('89504e470d0a1a0a', 'hex') };
     (async () => {
       for await (const record of encodeImage({ id: 'a', customerId: 'b', createdAt: new Date(0), content })) {
         const place = { topic: 't', partition: 0, offset: '0', timestamp: '0' };
         const { kind, image } = await decodeRecord({ ...record, ...place, key: null });
         console.log(kind, image.id, image.content.mediaType);
       }
     })();`,
  );
  expect(node(project, 'plain.cjs')).toBe('image a image/png\n');
});

test('a bundle for browsers is refused, not broken', async () => {
  const project = projectWith('codec');
  writeFileSync(
    join(project, 'page.js'),
    `import { decodeRecord } from '@image-stream/codec'; decodeRecord();`,
  );
  const bundle = await rolldown({ cwd: project, input: 'page.js', platform: 'browser', logLevel: 'silent' });
  await expect(bundle.generate()).rejects.toThrow('not-in-a-browser.js');
  const load = `await import('@image-stream/codec')`;
  expect(() => node(project, '--conditions=browser', '--input-type=module', '-e', load)).toThrow(
    'runs in Node only',
  );
});

/** A project that has packages as they were packed, and what they and their users depend on as it is here. */
function projectWith(...names: (typeof published)[number][]): string {
  const project = temporaryFolder();
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, '@image-stream'), { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  const dependencies = new Map([['@types/node', join(root, 'e2e/package.json')]]);
  for (const name of names) {
    cpSync(packageOf(name), join(modules, '@image-stream', name), { recursive: true });
    const manifest = join(root, 'packages', name, 'package.json');
    const { dependencies: own = {}, peerDependencies: peers = {} } = JSON.parse(
      readFileSync(manifest, 'utf8'),
    );
    for (const dependency of Object.keys({ ...own, ...peers })) {
      dependencies.set(dependency, manifest);
    }
  }
  for (const [dependency, dependent] of dependencies) {
    if (!dependency.startsWith('@image-stream/')) {
      const target = join(modules, dependency);
      mkdirSync(dirname(target), { recursive: true });
      symlinkSync(join(dirname(dependent), 'node_modules', dependency), target);
    }
  }
  return project;
}

/** Compiles `src` of a project into `dist`. @returns what is wrong; the types of what it uses are checked as well */
function compile(project: string, moduleResolution: string): string {
  const module = moduleResolution === 'bundler' ? 'esnext' : moduleResolution;
  const compilerOptions = {
    ...{ module, moduleResolution, target: 'es2023', lib: ['es2023'] },
    ...{ strict: true, skipLibCheck: false, types: [], rootDir: 'src', outDir: 'dist' },
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' });
  return stdout + stderr;
}

function node(project: string, ...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8', stdio: 'pipe' });
}
