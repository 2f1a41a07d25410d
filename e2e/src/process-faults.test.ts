import { expect, onTestFinished, test } from 'vitest';
import { filesIn } from './files.test-support.ts';
import { committed, ends, withAdmin } from './kafka.test-support.ts';
import {
  consumerArgs,
  expectLedger,
  finishedFiles,
  lag,
  openLedger,
  paintFiles,
  recordsIn,
  sendFiles,
} from './ledger.test-support.ts';
import type { Ledger } from './ledger.test-support.ts';
import { fileFaults, start, succeed, summaryOf } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';

const patience = { timeout: 20_000, interval: 50 };

/** Settings with which a member that is gone is noticed within a second. */
const impatient = ['-X', 'session.timeout.ms=1000', '-X', 'heartbeat.interval.ms=200'];

function startConsumer(ledger: Ledger, faults: Record<`FAULT_${string}`, string> = {}, ...args: string[]) {
  const environment = fileFaults(ledger.output, faults);
  const consumer = start('consumer', [...consumerArgs(ledger), ...impatient, '--json', ...args], environment);
  onTestFinished(() => void consumer.process.kill('SIGKILL'));
  return consumer;
}

async function stop({ process: child, ended }: Running) {
  child.kill('SIGTERM');
  const { exitCode, stdout, stderr } = await ended;
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return summaryOf(stdout);
}

test('a consumer that froze past its session finds what another one has saved, and moves no offset back', async () => {
  const ledger = await openLedger();
  await paintFiles(ledger.folder, 30);
  const frozen = startConsumer(ledger, { FAULT_LINK_DELAY: '100' }, '--concurrency', '4');
  const offsets = watchOffsets(ledger);
  await sendFiles(ledger);
  // In the middle of saving some, with others saved.
  await expect.poll(() => finishedFiles(ledger.output).length, patience).toBeGreaterThan(5);
  frozen.process.kill('SIGSTOP');
  expect(await lag(ledger)).toBeGreaterThan(0);

  const other = startConsumer(ledger);
  await expect.poll(() => lag(ledger), patience).toBe(0);
  expect(await membersOf(ledger.group)).toHaveLength(1);
  frozen.process.kill('SIGCONT');
  await expect.poll(() => membersOf(ledger.group).then(({ length }) => length), patience).toBe(2);
  const summaries = await Promise.all([stop(frozen), stop(other)]);
  const seen = await offsets();
  expect(seen).toEqual(seen.toSorted((one, another) => one - another));
  // It had saved, but not committed, or was about to save what the other one has saved.
  expect(summaries[0].skipped + summaries[1].skipped).toBeGreaterThan(0);
  await expectLedger(ledger);
});

test('a bug in the program ends it with its stack, and what it was about to save comes again', async () => {
  const ledger = await openLedger();
  await paintFiles(ledger.folder, 5);
  await sendFiles(ledger);
  const { exitCode, stderr } = await startConsumer(ledger, { FAULT_LINK_BUG: 'a bug of ours' }).ended;
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/cannot be saved: TypeError: a bug of ours\n\s+at /);
  expect(await committed(ledger.group, ledger.topic)).toEqual([-1]);
  await succeed('consumer', [...consumerArgs(ledger), '--exit-at-end']);
  await expectLedger(ledger);
});

test('a disk that is slower than the session is long costs no membership', async () => {
  const ledger = await openLedger();
  await paintFiles(ledger.folder, 2);
  const consumer = startConsumer(ledger, { FAULT_LINK_DELAY: '4000' }, '--concurrency', '1');
  await expect.poll(() => membersOf(ledger.group).then(({ length }) => length), patience).toBe(1);
  const before = await membersOf(ledger.group);
  await sendFiles(ledger);
  await expect.poll(() => lag(ledger), patience).toBe(0);
  expect(await membersOf(ledger.group)).toEqual(before);
  expect(await stop(consumer)).toMatchObject({ images: 2, skipped: 0 });
  await expectLedger(ledger);
});

test('a group whose offsets were deleted reads again, and writes nothing twice', async () => {
  const ledger = await openLedger(2);
  await paintFiles(ledger.folder, 10);
  await sendFiles(ledger);
  const consume = [...consumerArgs(ledger), '--exit-at-end'];
  expect(await succeed('consumer', consume)).toMatchObject({ images: 10, skipped: 0 });
  await withAdmin((admin) => admin.deleteGroups([ledger.group]));
  expect(await lag(ledger)).toBe(10);
  expect(await succeed('consumer', consume)).toMatchObject({ images: 0, skipped: 10 });
  await expectLedger(ledger);
});

/** Kills a producer that has sent some of the chunks of a large image, and not all. */
async function sendHalf({ folder, topic }: Ledger): Promise<void> {
  const producer = start('producer', [folder, '-t', topic, '-a', 'all']);
  await expect.poll(() => ends(topic), { timeout: 30_000, interval: 5 }).toBeGreaterThan(5);
  producer.process.kill('SIGKILL');
  await producer.ended;
  expect(producer.process.signalCode).toBe('SIGKILL');
}

test('an image whose producer was killed between its chunks is whole once it is sent again', async () => {
  const ledger = await openLedger(1, '20000');
  await paintFiles(ledger.folder, 1, 1500);
  const consumer = startConsumer(ledger);
  await sendHalf(ledger);
  const half = await ends(ledger.topic);
  await sendFiles(ledger);
  expect(await ends(ledger.topic)).toBeGreaterThan(2 * half);
  await expect.poll(() => lag(ledger), patience).toBe(0);
  expect(await stop(consumer)).toMatchObject({ images: 1, deadLettered: 0 });
  await expectLedger(ledger);
});

test('an image whose producer was killed between its chunks for good expires into the dead letters', async () => {
  const ledger = await openLedger(1, '20000');
  await paintFiles(ledger.folder, 1, 1500);
  const consumer = startConsumer(ledger, {}, '--chunk-timeout', '2s');
  await sendHalf(ledger);
  await expect.poll(() => lag(ledger), patience).toBe(0);
  expect(await recordsIn(`${ledger.topic}.dead-letter`)).toBe(await ends(ledger.topic));
  expect(await stop(consumer)).toMatchObject({ images: 0, deadLettered: 1 });
  expect(filesIn(ledger.output)).toEqual([]);
});

test('a group that grows and shrinks meanwhile saves each image once', async () => {
  const ledger = await openLedger(4);
  await paintFiles(ledger.folder, 300);
  const members = [startConsumer(ledger)];
  const sending = sendFiles(ledger, '--rate', '30');
  const join = async (): Promise<void> => void members.push(startConsumer(ledger));
  const leave = async (): Promise<void> => void (await stop(members.shift()!));
  const die = async (): Promise<void> => {
    const { process: child, ended } = members.shift()!;
    child.kill('SIGKILL');
    await ended;
  };
  let count = 0;
  for (const change of [join, join, join, leave, join, die, leave, join, die, leave]) {
    count += 25;
    await expect.poll(() => finishedFiles(ledger.output).length, patience).toBeGreaterThan(count);
    await change();
  }
  await sending;
  await expect.poll(() => lag(ledger), patience).toBe(0);
  expect(members).toHaveLength(1);
  await stop(members[0]!);
  // What those that were killed left unfinished goes at the next start.
  await succeed('consumer', [...consumerArgs(ledger), '--exit-at-end']);
  await expectLedger(ledger);
});

/** Asks again and again what the group has committed. @returns all answers, once it is asked to */
function watchOffsets({ group, topic }: Ledger): () => Promise<number[]> {
  const seen: number[] = [];
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      seen.push(...(await committed(group, topic)));
    }
  };
  const watching = watch();
  onTestFinished(() => over.abort());
  return async () => {
    over.abort();
    await watching;
    return [...seen, ...(await committed(group, topic))];
  };
}

/** The ids of a group's members. */
async function membersOf(group: string): Promise<string[]> {
  const { groups } = await withAdmin((admin) => admin.describeGroups([group]));
  return groups.flatMap(({ members }) => members.map(({ memberId }) => memberId));
}
