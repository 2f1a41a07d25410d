import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKafka } from '@image-stream/local-kafka';
import type { KafkaCluster } from '@image-stream/local-kafka';
import { expect, onTestFinished, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { finishedFiles, hashesOf, paintFiles, watchFiles } from './ledger.test-support.ts';
import { run, start, succeed, summaryOf } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';
import { generator } from './random.test-support.ts';

/*
 * Images flow through three brokers while consumers, the producer and brokers are killed, frozen, stopped and started
 * at random, and the disk is full for a while. Then everything is let be, and what was sent is held against what is on
 * disk. What happens follows from the seed; how the processes interleave does not.
 *
 *     pnpm test:faults --rounds 10 --seed 42
 */
const rounds = Number(process.env['FAULT_ROUNDS'] ?? '1');
/** Faults that take longer than a test of the suite should. */
const isLong = process.env['FAULT_ROUNDS'] !== undefined;
/** The same every day; `pnpm test:faults` takes others. */
const firstSeed = process.env['FAULT_SEED'] ?? (isLong ? randomUUID().slice(0, 8) : 'everyday');

/** Files of a round, and how many of them a second are sent: for half a minute, or a quarter. */
const smallFiles = isLong ? 400 : 225;
const rate = '15';

/** Bytes that a record may take, so that the larger files travel in chunks. */
const maxRequestSize = '1000000';

test.each(
  Array.from({ length: rounds }, (_one, index) => (index === 0 ? firstSeed : `${firstSeed}-${index}`)),
)(
  'nothing is lost and nothing is there twice, whatever dies (seed %s)',
  { timeout: 600_000 },
  async (seed) => {
    const random = generator(seed);
    const kafka = await startKafka({ brokers: 3, config: { 'group.min.session.timeout.ms': '1000' } });
    onTestFinished(() => kafka.stop());
    const home = temporaryFolder();
    const folder = join(home, 'sent');
    mkdirSync(folder);
    const disk = await openDisk(home);
    const output = disk?.folder ?? join(home, 'output');
    mkdirSync(output, { recursive: true });
    await paintFiles(folder, smallFiles);
    await paintFiles(folder, 6, 900);
    const changed = watchFiles(output);
    const shared = ['-t', 'images', '-bs', kafka.bootstrapServers, '-rt', '5000'];
    const consume = [...shared, '-gid', 'savers', '-o', output];

    const system = createSystem(kafka, disk, {
      producer: [
        folder,
        ...shared,
        '-a',
        'all',
        '-mrs',
        maxRequestSize,
        '--partitions',
        '3',
        '--rate',
        rate,
        '--json',
      ],
      consumer: [...consume, '-X', 'session.timeout.ms=2000', '-X', 'heartbeat.interval.ms=300'],
    });
    const log = await disturb(system, random);
    try {
      await system.settle();
      const rest = await succeed('consumer', [...consume, '--exit-at-end']);
      expect(rest).toMatchObject({ failed: 0, deadLettered: 0, removed: 0 });
      // Everything is committed: nothing comes again.
      expect(await succeed('consumer', [...consume, '--exit-at-end'])).toMatchObject({
        images: 0,
        skipped: 0,
      });

      expect(finishedFiles(output)).toHaveLength(smallFiles + 6);
      expect(hashesOf(output)).toEqual(hashesOf(folder));
      expect(changed()).toEqual([]);
      expect(filesIn(output).filter((file) => file.startsWith('.tmp'))).toEqual([]);
      const proof = await start('consumer', ['verify', ...shared, '-o', output, '--json']).ended;
      expect(JSON.parse(proof.stdout.trimEnd())).toMatchObject({ onDisk: smallFiles + 6, differences: 0 });
    } catch (error) {
      throw new Error(`seed ${seed}:\n${log.join('\n')}`, { cause: error });
    }
    console.log(`seed ${seed}: ${smallFiles + 6} images, ${log.length} faults: ${summarize(log)}`);
  },
);

const allDown = 'all brokers down for over a minute';

/** A small disk, with the consumers' output. */
interface Disk {
  /** The output, as this process sees it. */
  readonly folder: string;
  /** Takes all room for a while, and does not wait for its end. */
  fill(ms: number): void;
  /** Waits until there is room again. */
  untilFree(): Promise<void>;
}

/** Larger than twice all that is sent. */
const diskBytes = 100 * 1024 ** 2;

/** A file system that a process keeps in a namespace of its own; undefined where the machine has none. */
async function openDisk(home: string): Promise<Disk | undefined> {
  const mounted = join(home, 'disk');
  const mount = `mkdir "$1" && mount -t tmpfs -o size=${diskBytes} none "$1" && touch "$1/mounted" && exec sleep infinity`;
  const keeper = run('unshare', ['-rm', 'sh', '-c', mount, 'sh', mounted]);
  onTestFinished(() => void keeper.process.kill());
  // Nobody else sees that disk, except through the process.
  const root = join(`/proc/${keeper.process.pid}/root`, mounted);
  const ended = keeper.ended.then(({ stderr }) => stderr);
  while (!existsSync(join(root, 'mounted'))) {
    const problem = await Promise.race([ended, sleep(20)]);
    if (problem !== undefined) {
      console.log(`the disk is never filled, because this machine mounts none: ${problem.trim()}`);
      return undefined;
    }
  }
  const filler = join(root, 'filler');
  let filled = Promise.resolve();
  return {
    folder: join(root, 'output'),
    fill(ms) {
      if (!existsSync(filler)) {
        const { bavail, bsize } = statfsSync(root);
        try {
          writeFileSync(filler, Buffer.alloc(bavail * bsize));
        } catch {
          // A consumer was faster, and it is full even so.
        }
        filled = sleep(ms).then(() => rmSync(filler));
      }
    },
    untilFree: () => filled,
  };
}

/** Programs and brokers that can be disturbed. */
interface System {
  readonly faults: Readonly<Record<string, (random: () => number) => Promise<void> | void>>;
  /** True once the producer has sent everything. */
  readonly isSent: () => boolean;
  /** Lets the producer come to its end, and stops the consumers. */
  readonly settle: () => Promise<void>;
}

function createSystem(
  kafka: KafkaCluster,
  disk: Disk | undefined,
  args: { producer: readonly string[]; consumer: readonly string[] },
): System {
  const consumers: Running[] = [];
  let producer = start('producer', args.producer);
  let isSent = false;
  const sending = keepSending();

  const joinGroup = (): void => void consumers.push(start('consumer', args.consumer));
  const pick = <T>(items: readonly T[], random: () => number): T =>
    items[Math.floor(random() * items.length)]!;
  const leave = async (signal: NodeJS.Signals, random: () => number): Promise<void> => {
    const one = pick(consumers, random);
    consumers.splice(consumers.indexOf(one), 1);
    one.process.kill(signal);
    await one.ended;
    if (consumers.length === 0) {
      joinGroup();
    }
  };
  const freeze = async ({ process: child }: Running, ms: number): Promise<void> => {
    child.kill('SIGSTOP');
    await sleep(ms);
    child.kill('SIGCONT');
  };
  joinGroup();
  joinGroup();

  /** A producer that was killed is run again over the same files. */
  async function keepSending(): Promise<void> {
    for (;;) {
      const { exitCode, stdout, stderr } = await producer.ended;
      if (exitCode === 0) {
        expect(summaryOf(stdout)).toMatchObject({ failed: 0 });
        isSent = true;
        return;
      }
      if (exitCode !== null) {
        throw new Error(`the producer ended with exit code ${exitCode}: ${stderr}`);
      }
      producer = start('producer', args.producer);
    }
  }

  return {
    faults: {
      'kill a consumer': (random) => leave('SIGKILL', random),
      'stop a consumer': (random) => leave('SIGTERM', random),
      'start a consumer': (random) => (consumers.length < 4 ? joinGroup() : leave('SIGTERM', random)),
      'freeze a consumer past its session': (random) =>
        freeze(pick(consumers, random), 2500 + 2000 * random()),
      'kill the producer': () => void producer.process.kill('SIGKILL'),
      'freeze the producer': (random) => freeze(producer, 3000 * random()),
      'kill a broker': async (random) => {
        const broker = pick(kafka.brokers, random);
        await broker.kill();
        await broker.restart();
      },
      'freeze a broker': async (random) => {
        const broker = pick(kafka.brokers, random);
        await broker.pause();
        await sleep(4000 * random());
        broker.resume();
      },
      ...(disk && { 'fill the disk': (random) => disk.fill(2000 + 6000 * random()) }),
      ...(isLong && {
        [allDown]: async (random) => {
          await Promise.all(kafka.brokers.map((broker) => broker.kill()));
          await sleep(60_000 + 30_000 * random());
          await Promise.all(kafka.brokers.map((broker) => broker.restart()));
        },
      }),
    },
    isSent: () => isSent,
    settle: async () => {
      await sending;
      await disk?.untilFree();
      for (const one of consumers) {
        one.process.kill('SIGTERM');
      }
      await Promise.all(consumers.map(({ ended }) => ended));
    },
  };
}

/** Causes one fault after the other until everything is sent. @returns what was done */
async function disturb({ faults, isSent }: System, random: () => number): Promise<string[]> {
  const log: string[] = [];
  const names = Object.keys(faults);
  // A producer that is killed begins again; at some time it must be let through.
  const mostTimes: Readonly<Record<string, number>> = { 'kill the producer': 2, [allDown]: 1 };
  while (!isSent()) {
    await sleep(200 + 1300 * random());
    const name = names[Math.floor(random() * names.length)]!;
    if (log.filter((one) => one === name).length < (mostTimes[name] ?? Number.POSITIVE_INFINITY)) {
      log.push(name);
      await faults[name]!(random);
    }
  }
  return log;
}

function summarize(log: readonly string[]): string {
  return [...new Set(log)].map((name) => `${log.filter((one) => one === name).length} x ${name}`).join(', ');
}
