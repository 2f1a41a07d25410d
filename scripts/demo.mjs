// Everything once: a broker, ten images of several patterns, a consumer, pictures in output/.
//
// A broker that answers on localhost:29092 is used; else one is started, and stopped at the end.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startKafka } from '../packages/local-kafka/dist/index.js';

const port = 29092;
const topic = 'image-stream-demo';
const directory = process.env.INIT_CWD ?? process.cwd();
const output = join(directory, 'output');
const began = Date.now();

let kafka;
try {
  if (await isListening(port)) {
    console.log(`Using the broker on localhost:${port}.`);
  } else {
    console.log('Starting Apache Kafka (the first time, Maven fetches it) ...');
    kafka = await startKafka({ ports: [port], report: console.log });
  }
  for (const pattern of ['noise', 'gradient', 'bars', 'rings', 'mandelbrot']) {
    run('producer', ['-n', '2', '--pattern', pattern, '-cid', pattern]);
  }
  run('consumer', ['--exit-at-end', '-gid', topic, '-o', output]);
  showPictures();
  sayWhatNext();
} catch (error) {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
} finally {
  await kafka?.stop();
}

function isListening(at) {
  return new Promise((resolve) => {
    const socket = connect({ port: at, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function run(program, args) {
  const main = fileURLToPath(new URL(`../apps/${program}/dist/main.js`, import.meta.url));
  const shared = ['-t', topic, '-bs', `localhost:${port}`, '--log-level', 'warn'];
  console.log(`\n$ ${program} ${args.join(' ')}`);
  const { status } = spawnSync(process.execPath, [main, ...shared, ...args, '--log-format', 'text'], {
    stdio: 'inherit',
  });
  if (status !== 0) {
    throw new Error(`${program} ended with exit code ${status}`);
  }
}

/** The pictures of this run; the folder may hold others. */
function showPictures() {
  const pictures = readdirSync(output, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.png'))
    .map((name) => ({ name, file: statSync(join(output, name)) }))
    .filter(({ file }) => file.mtimeMs >= began);
  console.log(`\n${output}`);
  for (const { name, file } of pictures) {
    console.log(`  ${name}  ${file.size} bytes`);
  }
  console.log(`${pictures.length} pictures`);
}

function sayWhatNext() {
  console.log(`
What next:
  corepack pnpm kafka:up                                  a Kafka that stays, on localhost:${port}
  corepack pnpm producer path/to/photos --recursive       send pictures of your own
  corepack pnpm consumer --exit-at-end                    save them in output/
  corepack pnpm gallery                                   look at them in a browser
  corepack pnpm kafka:down --volumes                      remove that Kafka and what it holds`);
}
