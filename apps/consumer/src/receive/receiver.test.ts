import { createOutageLog } from '@image-stream/program';
import { describe, expect, onTestFinished, test } from 'vitest';
import { silentMonitor } from '../monitor/monitor.ts';
import type { Delivery } from './delivery.ts';
import { createEnds } from './ends.ts';
import { createJumps } from './jumps.ts';
import { createReceiver } from './receiver.ts';
import type { ReceiverOptions } from './receiver.ts';
import { createGate, groupError, scriptedGroup, scriptedTopic } from './script.test-support.ts';

const patient = { timeout: 10_000 };

/** A receiver that runs until the test ends, whose deliveries collect. */
function receiving(
  topic: ReturnType<typeof scriptedTopic>,
  { group }: ReturnType<typeof scriptedGroup>,
  options: Partial<ReceiverOptions> = {},
) {
  const logged: string[] = [];
  const note = (message: unknown): void => void logged.push(String(message));
  const logger = { debug: () => {}, info: note, warn: note, error: note } as never;
  const ready: (string | undefined)[] = [];
  const jumps = createJumps({ topic: 'photos', logger, monitor: silentMonitor });
  const receiver = createReceiver({
    client: topic.client,
    group,
    groupId: 'archive',
    heartbeatIntervalMs: 10,
    sessionTimeoutMs: 2000,
    fromBeginning: true,
    commitDelayMs: 0,
    jumps,
    ends: undefined,
    flush: async () => {},
    signal: new AbortController().signal,
    logger,
    outages: {
      group: createOutageLog(logger, 'a member again'),
      records: createOutageLog(logger, 'records come again'),
      commits: createOutageLog(logger, 'commits again'),
    },
    monitor: {
      assigned: () => void ready.push(undefined),
      unassigned: (reason) => void ready.push(reason),
      silent: () => {},
    },
    ...options,
  });
  const deliveries: Delivery[] = [];
  const finished = (async () => {
    for await (const delivery of receiver) {
      deliveries.push(delivery);
    }
  })();
  onTestFinished(async () => {
    await receiver.close();
    await finished.catch(() => {});
  });
  const texts = (): string[] => deliveries.map(({ record }) => `${record.partition} ${String(record.key)}`);
  return { receiver, deliveries, texts, finished, logged, ready, jumps };
}

describe('what is done is committed', () => {
  test('up to the first record that is not, with the topic and the epoch that it belongs to', async () => {
    const group = scriptedGroup([[0]]);
    const { deliveries } = receiving(scriptedTopic({ 0: ['a', 'b', 'c'] }), group);
    await expect.poll(() => deliveries).toHaveLength(3);
    deliveries[2]!.done();
    deliveries[0]!.done();
    await expect.poll(() => group.log).toContain('commit 1 0@1');
    deliveries[1]!.done();
    await expect.poll(() => group.log).toContain('commit 1 0@3');
    expect(group.committed[0]).toEqual({ offset: 3n, metadata: 'topic=topic-1 epoch=7' });
  });

  test('again, where the broker did not take it', async () => {
    const group = scriptedGroup([[0]]);
    group.failures.commit.push(new Error('no answer'));
    const { deliveries, logged } = receiving(scriptedTopic({ 0: ['a'] }), group);
    await expect.poll(() => deliveries).toHaveLength(1);
    deliveries[0]!.done();
    await expect.poll(() => group.log, patient).toContain('commit 1 0@1');
    expect(logged).toEqual([
      'offsets are not committed, and tried again: no answer',
      expect.stringMatching(/^commits again, after \d+ s$/) as string,
    ]);
  });

  test('when it closes, before the group is left', async () => {
    const group = scriptedGroup([[0]]);
    const { deliveries, receiver } = receiving(scriptedTopic({ 0: ['a'] }), group, { commitDelayMs: 60_000 });
    await expect.poll(() => deliveries).toHaveLength(1);
    deliveries[0]!.done();
    expect(await receiver.close()).toEqual(expect.any(Number));
    expect(group.log.slice(-2)).toEqual(['commit 1 0@1', 'leave']);
  });
});

describe('when the group rebalances', () => {
  test('what is in work is finished and committed before this member joins again', async () => {
    const group = scriptedGroup([[0], [0]]);
    const { deliveries } = receiving(scriptedTopic({ 0: ['a', 'b'] }), group, { commitDelayMs: 60_000 });
    await expect.poll(() => deliveries).toHaveLength(2);
    group.failures.heartbeat.push(groupError('REBALANCE_IN_PROGRESS'));
    await expect.poll(() => group.log).toContain('heartbeat fails');
    deliveries[0]!.done();
    deliveries[1]!.done();
    await expect
      .poll(() => group.log, patient)
      .toEqual(['join 1', 'heartbeat fails', 'commit 1 0@2', 'join 2']);
    expect(deliveries).toHaveLength(2);
  });

  test('what waits to be made durable is, before the partitions are given away', async () => {
    const group = scriptedGroup([[0, 1], [0]]);
    const topic = scriptedTopic({ 0: ['a'], 1: ['x'] });
    let accepted: Delivery[] = [];
    const flush = async (): Promise<void> => accepted.forEach(({ done }) => done());
    const { deliveries } = receiving(topic, group, { flush });
    await expect.poll(() => deliveries).toHaveLength(2);
    accepted = deliveries;
    group.failures.heartbeat.push(groupError('REBALANCE_IN_PROGRESS'));
    await expect.poll(() => group.log).toContain('commit 1 0@1 1@1');
  });

  test('what is not finished in time comes again, and its late word moves nothing', async () => {
    const group = scriptedGroup([[0, 1], [0]]);
    const topic = scriptedTopic({ 0: ['a'], 1: ['x'] });
    const { deliveries, texts } = receiving(topic, group, { sessionTimeoutMs: 100 });
    await expect.poll(() => texts().toSorted()).toEqual(['0 a', '1 x']);
    group.failures.heartbeat.push(groupError('ILLEGAL_GENERATION'));
    await expect.poll(() => texts(), patient).toHaveLength(3);
    expect(texts()[2]).toBe('0 a');

    const before = deliveries.slice(0, 2);
    expect(deliveries.map((delivery) => delivery.isCurrent())).toEqual([false, false, true]);
    before.forEach(({ done }) => done());
    deliveries[2]!.done();
    await expect.poll(() => group.log).toContain('commit 2 0@1');
    expect(group.log.filter((one) => one.startsWith('commit'))).toEqual(['commit 2 0@1']);
  });

  test('a commit that comes too late is not taken for done', async () => {
    const group = scriptedGroup([[0]]);
    const { deliveries } = receiving(scriptedTopic({ 0: ['a'] }), group);
    await expect.poll(() => deliveries).toHaveLength(1);
    // At once, and before it joins again.
    group.failures.commit.push(groupError('ILLEGAL_GENERATION'), groupError('ILLEGAL_GENERATION'));
    group.failures.heartbeat.push(groupError('ILLEGAL_GENERATION'));
    deliveries[0]!.done();
    await expect.poll(() => group.log, patient).toContain('join 2');
    // Nothing was committed, so it comes again.
    await expect.poll(() => deliveries, patient).toHaveLength(2);
    deliveries[1]!.done();
    await expect.poll(() => group.log, patient).toContain('commit 2 0@1');
  });

  test('a record that nobody took yet is not lost', async () => {
    const group = scriptedGroup([[0], [0]]);
    const topic = scriptedTopic({ 0: ['a', 'b'] });
    const gate = createGate();
    const taken: Delivery[] = [];
    const close = receivingSlowly(topic, group, gate.promise, taken);
    await expect.poll(() => taken).toHaveLength(1);
    group.failures.heartbeat.push(groupError('REBALANCE_IN_PROGRESS'));
    taken[0]!.done();
    await expect.poll(() => group.log, patient).toContain('join 2');
    gate.open();
    await expect.poll(() => taken.map(({ record }) => String(record.key)), patient).toEqual(['a', 'b']);
    await close();
  });
});

/** As `receiving`, but after each record it waits for `gate`. */
function receivingSlowly(
  topic: ReturnType<typeof scriptedTopic>,
  { group }: ReturnType<typeof scriptedGroup>,
  gate: Promise<void>,
  taken: Delivery[],
): () => Promise<void> {
  const silent = { debug() {}, info() {}, warn() {}, error() {} } as never;
  const outage = { failed() {}, over() {} };
  const receiver = createReceiver({
    ...{ client: topic.client, group, groupId: 'archive', heartbeatIntervalMs: 10, sessionTimeoutMs: 200 },
    ...{ fromBeginning: true, commitDelayMs: 0, ends: undefined, logger: silent, monitor: silentMonitor },
    jumps: { report() {} },
    flush: async () => {},
    signal: new AbortController().signal,
    outages: { group: outage, records: outage, commits: outage },
  });
  void (async () => {
    for await (const delivery of receiver) {
      taken.push(delivery);
      await gate;
    }
  })();
  return async () => void (await receiver.close());
}

describe('where reading does not go on record by record', () => {
  test('what was removed is counted and named, and committed as read', async () => {
    const group = scriptedGroup([[0]], { 0: { offset: 1n, metadata: '' } });
    const { texts, logged, jumps } = receiving(scriptedTopic({ 0: ['a', 'b', 'c', 'd'] }, { 0: 3 }), group);
    await expect.poll(texts).toEqual(['0 d']);
    expect(logged[0]).toContain('2 records of photos[0], from offset 1 to 2, were removed before being read');
    expect(jumps.removed).toBe(2);
    await expect.poll(() => group.log).toContain('commit 1 0@3');
  });

  test('what is missing at the beginning of a new group is no loss', async () => {
    const { texts, jumps } = receiving(scriptedTopic({ 0: ['a', 'b'] }, { 0: 1 }), scriptedGroup([[0]]));
    await expect.poll(texts).toEqual(['0 b']);
    expect(jumps.removed).toBe(0);
  });

  test('an offset of a topic that is gone is not taken for one of this topic', async () => {
    const group = scriptedGroup([[0]], { 0: { offset: 2n, metadata: 'topic=topic-0 epoch=7' } });
    const { texts, logged } = receiving(scriptedTopic({ 0: ['a', 'b', 'c'] }), group);
    await expect.poll(texts).toEqual(['0 a', '0 b', '0 c']);
    expect(logged[0]).toContain('topic photos was deleted and recreated');
  });

  test('nothing is committed for a topic that was made again, before that is noticed', async () => {
    const group = scriptedGroup([[0]]);
    const topic = scriptedTopic({ 0: ['a', 'b'] });
    const { texts, deliveries } = receiving(topic, group);
    await expect.poll(texts).toEqual(['0 a', '0 b']);
    topic.state.id = 'topic-2';
    topic.partitions[0] = ['x', 'y', 'z'];
    // At the old place there is a record of the new topic.
    await expect.poll(() => deliveries).toHaveLength(3);
    deliveries.forEach(({ done }) => done());
    await expect.poll(() => texts().slice(3), patient).toEqual(['0 x', '0 y', '0 z']);
    expect(group.log).not.toContain('commit 1 0@3');
    deliveries.slice(3).forEach(({ done }) => done());
    await expect.poll(() => group.committed[0]).toEqual({ offset: 3n, metadata: 'topic=topic-2 epoch=7' });
  });

  test('a topic that is made again meanwhile gets a new tracker, and its offsets its id', async () => {
    const group = scriptedGroup([[0]]);
    const topic = scriptedTopic({ 0: ['a', 'b'] });
    const { texts, deliveries } = receiving(topic, group);
    await expect.poll(texts).toEqual(['0 a', '0 b']);
    topic.state.id = 'topic-2';
    topic.partitions[0] = ['x', 'y', 'z'];
    await expect.poll(() => texts().filter((one) => one.endsWith('x')), patient).toHaveLength(1);
    deliveries[0]!.done();
    deliveries[1]!.done();
    expect(deliveries[0]!.isCurrent()).toBe(false);
    deliveries.findLast(({ record }) => String(record.key) === 'x')!.done();
    await expect.poll(() => group.committed[0]).toEqual({ offset: 1n, metadata: 'topic=topic-2 epoch=7' });
  });
});

describe('it ends', () => {
  test('at the ends that the partitions had, also where another member reads some of them', async () => {
    const group = scriptedGroup([[0]]);
    const others = new Map<number, bigint>();
    const ends = createEnds(
      new Map([...[0, 1].map((partition) => [partition, 0n] as const)]),
      new Map([...[0, 1].map((partition) => [partition, 2n] as const)]),
      { committed: async () => others },
    );
    const { finished, texts } = receiving(scriptedTopic({ 0: ['a', 'b'], 1: ['x', 'y'] }), group, { ends });
    await expect.poll(texts).toEqual(['0 a', '0 b']);
    others.set(1, 2n);
    await finished;
  });

  test('at an end that has become an earlier one', async () => {
    const ends = createEnds(new Map([[0, 0n]]), new Map([[0, 9n]]));
    const group = scriptedGroup([[0]], { 0: { offset: 9n, metadata: '' } });
    const { finished, texts } = receiving(scriptedTopic({ 0: ['a', 'b'] }), group, { ends });
    await finished;
    expect(texts()).toEqual(['0 a', '0 b']);
  });

  test('at the signal, while the group keeps it waiting', async () => {
    const stop = new AbortController();
    const group = scriptedGroup([[0]]);
    group.gate.join = new Promise(() => {});
    const { finished } = receiving(scriptedTopic({ 0: ['a'] }), group, { signal: stop.signal });
    stop.abort();
    await finished;
  });

  test.each([
    ['where it may not join', 'join' as const],
    ['where it may not stay', 'heartbeat' as const],
  ])('with the error, %s', async (_case, request) => {
    const group = scriptedGroup([[0]]);
    group.failures[request].push(groupError('GROUP_AUTHORIZATION_FAILED'));
    const { finished } = receiving(scriptedTopic({ 0: [] }), group);
    await expect(finished).rejects.toThrow('GROUP_AUTHORIZATION_FAILED');
  });
});

test('it waits for a topic that is away, is not ready meanwhile, and says both once', async () => {
  const topic = scriptedTopic({ 0: ['a'] });
  topic.state.isAway = true;
  const { texts, logged, ready } = receiving(topic, scriptedGroup([[0]]));
  await expect
    .poll(() => ready.at(-1))
    .toBe('topic photos cannot be read: topic photos: it does not exist (UNKNOWN_TOPIC_OR_PARTITION)');
  topic.state.isAway = false;
  await expect.poll(texts, patient).toEqual(['0 a']);
  expect(ready.at(-1)).toBeUndefined();
  expect(logged).toEqual([
    'topic photos cannot be read: topic photos: it does not exist (UNKNOWN_TOPIC_OR_PARTITION)',
    expect.stringMatching(/^records come again/) as string,
  ]);
});
