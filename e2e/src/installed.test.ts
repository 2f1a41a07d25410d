import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Finding } from '@image-stream/program';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { expectWellFormed } from './packed.test-support.ts';
import { createTopic, uniqueName } from './kafka.test-support.ts';
import { finishedFiles, hashesOf, paintFiles } from './ledger.test-support.ts';
import { run, summaryOf } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const prefix = mkdtempSync(join(tmpdir(), 'image-stream-installed-'));
const bin = join(prefix, 'bin');
const tarball = join(prefix, 'cli.tgz');
const installed = join(prefix, 'lib/node_modules/@image-stream/cli');

/** Packs as a release does, and installs as a user does: what has native code comes from the registry. */
beforeAll(() => {
  const pnpm = join(root, 'node_modules/.bin/pnpm');
  execFileSync(pnpm, ['pack', '--out', tarball], { cwd: join(root, 'apps/image-stream') });
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--silent'];
  execFileSync('npm', ['install', '--global', '--prefix', prefix, ...options, tarball], { cwd: prefix });
});
afterAll(() => rmSync(prefix, { recursive: true }));

/** Runs the command as one who has installed it does. */
function imageStream(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
  return run(join(bin, 'image-stream'), args, environment, prefix);
}

async function ended(...args: string[]) {
  return imageStream(args).ended;
}

test('it has the version of its package, and only what needs a compiler beside its own code', async () => {
  const { version, dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  const ours = JSON.parse(readFileSync(join(root, 'apps/image-stream/package.json'), 'utf8'));
  expect(version).toBe(ours.version);
  expect(await ended('--version')).toMatchObject({ exitCode: 0, stdout: `${version}\n` });
  expect(await ended('send', '--version')).toMatchObject({ exitCode: 0, stdout: `${version}\n` });
  // Those of the apps, in the same versions.
  const { dependencies: ofConsumer } = JSON.parse(
    readFileSync(join(root, 'apps/consumer/package.json'), 'utf8'),
  );
  const [, catalog] = /^ {2}sharp: (\S+)$/m.exec(readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8'))!;
  expect(dependencies).toEqual({ ...ofConsumer, sharp: catalog });
  expect(filesIn(installed)).toEqual(
    expect.arrayContaining(['LICENSE', 'README.md', 'dist/pom.xml', 'dist/js/page/index.html']),
  );
});

test('it passes on the licenses of what is bundled', () => {
  const licenses = readFileSync(join(installed, 'dist/third-party-notices.txt'), 'utf8');
  for (const text of [
    /^kafkajs 2[^]*Túlio Ornelas/m,
    /^pino \d/m,
    /^@aws-sdk\/client-s3 [^]*Apache License/m,
  ]) {
    expect(licenses).toMatch(text);
  }
});

test('publint and the types say that it is well-formed', () => expectWellFormed(tarball));

test('a strict project compiles against its library, and runs', () => {
  const project = temporaryFolder();
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, '@image-stream'), { recursive: true });
  mkdirSync(join(modules, '@types'));
  symlinkSync(installed, join(modules, '@image-stream/cli'));
  symlinkSync(join(root, 'e2e/node_modules/@types/node'), join(modules, '@types/node'));
  mkdirSync(join(project, 'src'));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(project, 'src/main.ts'),
    `import { isPixelArray, receive, send } from '@image-stream/cli';
     import type { ImageToSend } from '@image-stream/cli';
     async function* again(): AsyncGenerator<ImageToSend> {
       for await (const { id, content, customerId } of receive({ topic: 'one', logger: console })) {
         const size: number = isPixelArray(content) ? content.data.byteLength : content.size;
         yield { id: \`\${id}-\${size}\`, customerId, content };
       }
     }
     export const copy = async (): Promise<number> => (await send(again(), { topic: 'two' })).images;
     // @ts-expect-error: not an option
     send([], { topics: 'two' });
     console.log(typeof copy);
     process.exit(0);`,
  );
  const compilerOptions = {
    ...{
      module: 'nodenext',
      target: 'es2023',
      lib: ['es2023'],
      strict: true,
      exactOptionalPropertyTypes: true,
    },
    ...{ skipLibCheck: false, types: [], rootDir: 'src', outDir: 'dist' },
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  const tsc = join(root, 'node_modules/.bin/tsc');
  expect(spawnSync(tsc, ['-p', project], { encoding: 'utf8' }).stdout).toBe('');
  expect(execFileSync(process.execPath, ['dist/main.js'], { cwd: project, encoding: 'utf8' })).toBe(
    'function\n',
  );
});

test('help and errors show what people type', async () => {
  const help = await ended('--help');
  expect(help.exitCode).toBe(0);
  const commands = [...help.stdout.matchAll(/^ {2}image-stream (\w+) {2}/gm)].map(([, name]) => name);
  expect(commands).toEqual([
    ...['send', 'receive', 'verify', 'peek', 'doctor', 'gallery', 'kafka', 'completion'],
  ]);
  for (const command of commands.slice(0, -1)) {
    const { exitCode, stdout } = await ended(command!, '--help');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: image-stream ${command} `);
    // Not that of the app.
    expect(stdout).not.toMatch(/^ *(producer|consumer|gallery) /m);
  }
  expect((await ended('kafka', 'down', '--help')).stdout).toContain('--volumes');

  const usageErrors = [
    [[], 'image-stream: a command is required: send, receive,'],
    [['sned'], "image-stream: unexpected argument 'sned'"],
    [['send', '--encodin', 'png'], 'image-stream send: unknown option --encodin; did you mean --encoding?'],
    [['verify', 'now'], "image-stream verify: unexpected argument 'now'"],
    [['doctor', 'recieve'], "image-stream doctor: unexpected argument 'recieve'"],
    [['kafka'], 'image-stream kafka: a command is required: up, status, down'],
  ] as const;
  for (const [args, message] of usageErrors) {
    const { exitCode, stderr } = await ended(...args);
    expect({ args, exitCode }).toEqual({ args, exitCode: 2 });
    expect(stderr.startsWith(message) || stderr.includes(`"msg":"${message.split(': ')[1]}`)).toBe(true);
  }
});

test('it sends pictures, receives, proves, shows and looks after them', async () => {
  const topic = await createTopic();
  const [folder, output] = [temporaryFolder(), join(temporaryFolder(), 'output')];
  await paintFiles(folder, 3);
  const sent = await ended('send', folder, '-t', topic, '--json');
  expect(sent).toMatchObject({ exitCode: 0 });
  expect(summaryOf(sent.stdout)).toMatchObject({ images: 3, failed: 0 });
  const received = await ended(
    'receive',
    '-t',
    topic,
    '-gid',
    topic,
    '-o',
    output,
    '--exit-at-end',
    '--json',
  );
  expect(received).toMatchObject({ exitCode: 0 });
  expect(finishedFiles(output)).toHaveLength(3);
  expect(hashesOf(output)).toEqual(hashesOf(folder));

  expect(await ended('verify', '-t', topic, '-o', output)).toMatchObject({ exitCode: 0 });
  const { stdout } = await ended('peek', '-t', topic);
  expect(stdout.match(/image\/png/g)).toHaveLength(3);
  const doctor = await ended('doctor', '-t', topic, '-o', output, '--json');
  expect(doctor).toMatchObject({ exitCode: 0 });
  const { findings } = JSON.parse(doctor.stdout);
  // What only one of them needs, and once what both need.
  const seen: [check: string, seen: string][] = findings.map((one: Finding) => [one.check, one.seen]);
  const checks = seen.map(([check]) => check).filter((check) => check !== 'permission');
  expect(checks).toEqual([...new Set(checks)]);
  expect(checks).toEqual(expect.arrayContaining(['size limit', 'output', 'group', 'dead letters']));
  const permissions = seen.filter(([check]) => check === 'permission').join('\n');
  expect(permissions).toContain(`write to topic ${topic}`);
  expect(permissions).toContain(`read topic ${topic}`);
});

test('the gallery finds its page', async () => {
  const topic = await createTopic();
  const gallery = imageStream(['gallery', '-t', topic, '--port', '0']);
  onTestFinished(() => void gallery.process.kill('SIGKILL'));
  const address = () => /http:\/\/localhost:\d+/.exec(gallery.log())?.[0];
  await expect.poll(address, { timeout: 30_000 }).toBeDefined();
  const page = await (await fetch(`${address()!}/`)).text();
  expect(page).toContain('<title>');
  for (const [, file] of page.matchAll(/(?:src|href)="([\w.]+\.(?:js|css|svg))"/g)) {
    expect((await fetch(`${address()!}/${file}`)).status).toBe(200);
  }
  gallery.process.kill('SIGTERM');
  expect((await gallery.ended).exitCode).toBe(0);
});

test('kafka up finds what Maven needs, and keeps its data out of the package', async () => {
  const state = temporaryFolder();
  const environment = { XDG_STATE_HOME: state };
  const port = String(await freePort());
  const kafka = async (...args: string[]) =>
    imageStream(['kafka', ...args, '--port', port], environment).ended;
  onTestFinished(async () => void (await kafka('down', '--volumes')));

  expect(await kafka('status')).toMatchObject({
    exitCode: 1,
    stdout: `Kafka is not running. Start it with: image-stream kafka up --port ${port}\n`,
  });
  const up = await kafka('up');
  expect(up).toMatchObject({ exitCode: 0, stderr: '' });
  expect(up.stdout).toContain(`Kafka runs on localhost:${port}`);
  expect(up.stdout).toContain(`Stop it with: image-stream kafka down --port ${port}`);
  const topic = uniqueName();
  const send = ['send', '-n', '1', '--width', '8', '--height', '8', '-t', topic, '-bs', `localhost:${port}`];
  expect(await ended(...send)).toMatchObject({ exitCode: 0 });
  expect(await kafka('down', '--volumes')).toMatchObject({ exitCode: 0 });
  expect(filesIn(installed).filter((file) => file.includes('.local-kafka'))).toEqual([]);
});

const hasBash = spawnSync('bash', ['-c', 'true']).status === 0;

describe.skipIf(!hasBash)('bash completes', () => {
  test.each([
    ['se', 'send'],
    ['send --dry', '--dry-run'],
    ['receive --from', '--from-beginning'],
    ['verify --conc', '--concurrency'],
    ['doctor rec', 'receive'],
    ['doctor send --ack', '--acks'],
    ['kafka down --vol', '--volumes'],
  ])('image-stream %s', (typed, completed) => {
    const words = ['image-stream', ...typed.split(' ')];
    const folder = temporaryFolder();
    mkdirSync(folder, { recursive: true });
    const script = `source <(image-stream completion)
complete -p image-stream
COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}
$(complete -p image-stream | sed -E 's/.* -F ([^ ]+) .*/\\1/')
echo "\${COMPREPLY[@]}"`;
    writeFileSync(join(folder, 'script'), script);
    const { stdout } = spawnSync('bash', [join(folder, 'script')], {
      encoding: 'utf8',
      env: { PATH: `${bin}${delimiter}${process.env['PATH']}`, HOME: folder, SHELL: '/bin/bash' },
    });
    expect(stdout).toMatch(/^complete .* image-stream\n/);
    expect(stdout.split('\n')[1]).toBe(completed);
  });
});

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
