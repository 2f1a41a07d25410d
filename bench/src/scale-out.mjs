// How throughput grows with the consumers of one group, and with producers, on this machine; docs/SCALING.md has figures.
//
//   node scripts/build.mjs && node bench/src/scale-out.mjs [--rounds 3] [--consumers 1,4] [--producers 1] [--concurrency 16]
//     [--directory /dev/shm]
//
// One broker, topics of 12 partitions, so that 1, 2, 3 and 4 consumers get equal shares. Every round tries each number
// once, so that whatever else the machine does meets all of them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startKafka } from '../../packages/local-kafka/dist/index.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    consumers: { type: 'string', default: '1,2,3,4' },
    producers: { type: 'string', default: '1,2,3' },
    concurrency: { type: 'string' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const rounds = Number(values.rounds);
const counts = {
  consumers: values.consumers.split(',').map(Number),
  producers: values.producers.split(',').map(Number),
};
const concurrency = values.concurrency === undefined ? [] : ['--concurrency', values.concurrency];

/** Noise, which nothing compresses: a JPEG of 11 KB, and a PNG of 6.2 MB, as cameras and scanners send them. */
const workloads = [
  { name: 'thumbnails', images: 3000, args: ['--width', '128', '--height', '128', '--encoding', 'jpeg'] },
  { name: 'frames', images: 60, args: ['--encoding', 'png'] },
];

const directory = mkdtempSync(join(values.directory, 'scale-out-'));
// All members are to be there when the partitions are shared out.
const kafka = await startKafka({
  config: { 'group.initial.rebalance.delay.ms': '3000', 'num.partitions': '12' },
});
let runs = 0;
/** Processor time of a program that does next to nothing. */
const startSeconds = { producer: 0, consumer: 0 };
try {
  console.log(`${availableParallelism()} processors, Node ${process.version}`);
  const results = { disk: [], consumers: [], producers: [] };
  await measureStarts();
  for (const workload of workloads) {
    await run('producer', ['-t', workload.name, '-n', `${workload.images}`, ...workload.args]);
  }
  for (let round = 1; round <= rounds; round += 1) {
    report(results.disk, await measureDisk());
    for (const workload of workloads) {
      for (const count of counts.consumers) {
        report(results.consumers, await consume(workload, count));
      }
      for (const count of counts.producers) {
        report(results.producers, await produce(workload, count));
      }
    }
  }
  console.table(results.disk);
  console.table(summarize(results.consumers));
  console.table(summarize(results.producers));
} finally {
  await kafka.stop();
  rmSync(directory, { recursive: true });
}

async function measureStarts() {
  const least = {
    producer: ['-n', '1', '--width', '16', '--height', '16'],
    consumer: ['--exit-at-end', '-o', join(directory, 'start')],
  };
  for (const program of ['producer', 'consumer']) {
    const before = endedSeconds();
    await run(program, ['-t', 'start', ...least[program]]);
    startSeconds[program] = endedSeconds() - before;
  }
}

/** A group that has read nothing yet saves all of a topic. */
async function consume({ name, images }, count) {
  runs += 1;
  const output = join(directory, 'output');
  const args = ['-t', name, '-gid', `group-${runs}`, '-o', output, '--exit-at-end', ...concurrency];
  const measured = await together(name, 'consumer', count, args);
  if (measured.images !== images) {
    throw new Error(`${count} consumers saved ${measured.images} of ${images} ${name}`);
  }
  // What was saved last is what the producers send.
  rmSync(join(directory, name), { recursive: true, force: true });
  renameSync(output, join(directory, name));
  return measured;
}

/** Each producer sends all the files, to a topic that they share. */
async function produce({ name }, count) {
  runs += 1;
  const args = [join(directory, name), '--recursive', '-t', `${name}-${runs}`, '--acks', 'all'];
  return together(name, 'producer', count, args);
}

/** So many of one program at once, with what they and the broker took of the processors, and the most memory of one. */
async function together(workload, program, count, args) {
  const before = { programs: endedSeconds(), broker: cpuSeconds(kafka.brokers[0].pid) };
  const ended = await Promise.all(Array.from({ length: count }, () => run(program, args)));
  const images = sum(ended.map(({ summary }) => summary.images));
  // The time of the one that took longest, from its first image to its last one; starting and joining are left out.
  const seconds = Math.max(...ended.map(({ summary }) => summary.seconds));
  return {
    workload,
    count,
    images,
    imagesPerSecond: images / seconds,
    megabytesPerSecond: sum(ended.map(({ summary }) => summary.payloadBytes)) / 1e6 / seconds,
    // Without their start.
    programCpuMs: ((endedSeconds() - before.programs - count * startSeconds[program]) / images) * 1000,
    brokerCpuMs: ((cpuSeconds(kafka.brokers[0].pid) - before.broker) / images) * 1000,
    memoryMegabytes: Math.max(...ended.map(({ peakBytes }) => peakBytes)) / 1e6,
  };
}

async function run(program, args) {
  const main = fileURLToPath(new URL(`../../apps/${program}/dist/main.js`, import.meta.url));
  const shared = ['-bs', kafka.bootstrapServers, '--json', '--quiet', '--log-level', 'error'];
  const child = spawn(process.execPath, [main, ...args, ...shared], { stdio: ['ignore', 'pipe', 'inherit'] });
  let peakBytes = 0;
  const timer = setInterval(() => (peakBytes = Math.max(peakBytes, peakMemory(child.pid))), 100);
  const [[exitCode], stdout] = await Promise.all([once(child, 'close'), text(child.stdout)]);
  clearInterval(timer);
  if (exitCode !== 0) {
    throw new Error(`${program} ${args.join(' ')} ended with exit code ${exitCode}`);
  }
  return { summary: JSON.parse(stdout.trimEnd().split('\n').at(-1)), peakBytes };
}

/** Files of 11 KB that the disk takes durably in a second, written one or 16 at once, and its bandwidth with 6.2 MB. */
async function measureDisk() {
  const small = Buffer.alloc(11_000, 1);
  const large = Buffer.alloc(6_200_000, 1);
  return {
    syncedFilesPerSecond: await writeFiles(small, 1),
    syncedFilesPerSecondOf16: await writeFiles(small, 16),
    megabytesPerSecond: ((await writeFiles(large, 4)) * large.length) / 1e6,
  };
}

async function writeFiles(content, writers, seconds = 3) {
  const folder = mkdtempSync(join(directory, 'disk-'));
  const end = performance.now() + seconds * 1000;
  let written = 0;
  const write = async () => {
    while (performance.now() < end) {
      written += 1;
      const file = await open(join(folder, `${written}`), 'w');
      await file.writeFile(content);
      await file.sync();
      await file.close();
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  rmSync(folder, { recursive: true });
  return written / seconds;
}

/** Processor time of the programs that have ended, as Linux counts it in hundredths. */
function endedSeconds() {
  const [user, system] = statOf('self').slice(13, 15);
  return (Number(user) + Number(system)) / 100;
}

function cpuSeconds(pid) {
  const [user, system] = statOf(pid).slice(11, 13);
  return (Number(user) + Number(system)) / 100;
}

/** The fields from the third one on; the second one is a name in parentheses. */
function statOf(pid) {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
}

function peakMemory(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // It has just ended.
  }
}

function report(results, measured) {
  results.push(measured);
  console.log(JSON.stringify(measured));
}

/** The median of each figure over the rounds, with the lowest and the highest rate. */
function summarize(results) {
  const keys = new Set(results.map(({ workload, count }) => `${workload} ${count}`));
  return Object.fromEntries(
    [...keys].map((key) => {
      const rows = results.filter(({ workload, count }) => `${workload} ${count}` === key);
      const of = (figure, at) => {
        const sorted = rows.map((row) => row[figure]).toSorted((one, other) => one - other);
        return Number(sorted[Math.round(at * (sorted.length - 1))].toPrecision(3));
      };
      const medians = [
        'imagesPerSecond',
        'megabytesPerSecond',
        'programCpuMs',
        'brokerCpuMs',
        'memoryMegabytes',
      ];
      return [
        key,
        {
          lowest: of('imagesPerSecond', 0),
          highest: of('imagesPerSecond', 1),
          ...Object.fromEntries(medians.map((figure) => [figure, of(figure, 0.5)])),
        },
      ];
    }),
  );
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
