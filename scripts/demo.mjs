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
  showTree(output);
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

function showTree(root) {
  console.log(`\n${root}`);
  const pictures = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.png'),
  );
  for (const name of pictures) {
    console.log(`  ${name}  ${statSync(join(root, name)).size} bytes`);
  }
  console.log(`${pictures.length} pictures`);
}
