import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BrokerError, brokerError } from './broker-error.ts';
import { fetchRecords } from './fetcher.ts';
import type { FetchOptions, Jump } from './fetcher.ts';
import type { Bounds, Fetched, FetchPosition, Leader, TopicClient } from './topic-client.ts';

/*
 * A cluster by script: a log for each partition, and whatever is to go wrong. What the brokers themselves do is tested against real ones in
 * topic-client.test.ts and e2e.
 */
interface Log {
  low: number;
  /** Texts of the records from 0 on. */
  records: string[];
  leader: Leader;
  /** Where each epoch ends; what is not there goes on to the end. */
  epochEnds: Record<number, number>;
}

function log(...records: string[]): Log {
  return { low: 0, records, leader: { node: 1, epoch: 0 }, epochEnds: {} };
}

class Script implements TopicClient {
  readonly topic = 'photos';
  id = 'id-1';
  readonly logs: Log[];
  /** Requests, such as `fetch 1 0@5`. */
  readonly asked: string[] = [];
  /** What to do instead of answering a fetch; undefined answers it. */
  instead: (node: number, useRack: boolean) => Promise<Fetched[]> | undefined = () => undefined;

  constructor(...logs: Log[]) {
    this.logs = logs;
  }

  async describe() {
    this.asked.push('describe');
    return { id: this.id, leaders: new Map(this.logs.map(({ leader }, index) => [index, leader])) };
  }

  async bounds(partitions: readonly number[]) {
    const led = partitions.filter((partition) => this.isLed(partition));
    return new Map(led.map((partition) => [partition, this.boundsOf(partition)]));
  }

  // Of a partition without a leader, nobody tells them.
  private isLed(partition: number): boolean {
    return this.logs[partition]!.leader.node !== -1;
  }

  private boundsOf(partition: number): Bounds {
    const { low, records } = this.logs[partition]!;
    const high = BigInt(records.length);
    return { low: BigInt(low), high, highWatermark: high };
  }

  async offsetsAt() {
    return new Map();
  }

  async fetch(node: number, positions: readonly FetchPosition[], { useRack = true } = {}) {
    this.asked.push(
      `fetch ${node} ${positions.map(({ partition, offset }) => `${partition}@${offset}`).join(' ')}`,
    );
    const instead = this.instead(node, useRack);
    if (instead !== undefined) {
      return instead;
    }
    // As a broker that has nothing, which waits a moment.
    await sleep(5);
    return positions.map((position) => this.read(node, position));
  }

  private read(node: number, { partition, offset, leaderEpoch }: FetchPosition): Fetched {
    const { low, records, leader } = this.logs[partition]!;
    const answer: Fetched = {
      partition,
      offset,
      error: undefined,
      records: [],
      next: offset,
      leaderEpoch: -1,
      high: BigInt(records.length),
      preferredReplica: undefined,
    };
    if (leader.node !== node) {
      return { ...answer, error: brokerError(6, 'photos') };
    }
    if (leader.epoch !== leaderEpoch) {
      return { ...answer, error: brokerError(74, 'photos') };
    }
    if (offset < low || offset > records.length) {
      return { ...answer, error: brokerError(1, 'photos') };
    }
    const found = records.slice(Number(offset)).map((text, index) => ({
      offset: String(Number(offset) + index),
      timestamp: '0',
      key: Buffer.from(text),
      value: null,
      headers: {},
    }));
    return { ...answer, records: found, next: BigInt(records.length), leaderEpoch: leader.epoch };
  }

  async endOfEpoch(partition: number, epoch: number) {
    const end = this.logs[partition]!.epochEnds[epoch];
    return end === undefined ? undefined : BigInt(end);
  }

  async partitionsOf() {
    return [];
  }

  addressOf = (node: number) => `broker-${node}:9092`;

  async close() {}
}

/** Reads until the test ends. @returns what came so far, such as `0: a b c` */
async function reading(
  client: Script,
  options: Partial<FetchOptions> & { from?: Record<number, number>; epoch?: number } = {},
) {
  const { from = {}, epoch = -1, ...rest } = options;
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  const taken: string[] = [];
  const jumps: string[] = [];
  const stalls: (string | undefined)[] = [];
  const topic = await client.describe();
  const running = fetchRecords({
    client,
    topic,
    positions: new Map(
      [...topic.leaders.keys()].map((partition) => [
        partition,
        { offset: BigInt(from[partition] ?? 0), epoch },
      ]),
    ),
    take: async (partition, records) => {
      taken.push(...records.map(({ key }) => `${partition} ${String(key)}`));
    },
    jumped: ({ partition, from: before, to, cause }: Jump) => {
      jumps.push(`${partition} ${cause} ${before} -> ${to}`);
    },
    changed: () => {},
    stalled: (reason) => void stalls.push(reason),
    signal: ended.signal,
    ...rest,
  });
  const outcome = running.then(
    () => 'ended',
    (error: unknown) => error,
  );
  return { taken, jumps, stalls, outcome, end: () => ended.abort() };
}

const patient = { timeout: 10_000 };

describe('records', () => {
  test('of all partitions come, each in its order, and live', async () => {
    const client = new Script(log('a', 'b'), log('x'));
    const { taken } = await reading(client);
    await expect.poll(() => taken.toSorted()).toEqual(['0 a', '0 b', '1 x']);
    client.logs[0]!.records.push('c');
    await expect.poll(() => taken.at(-1)).toBe('0 c');
  });

  test('are not asked for while others wait to be taken, but for those of one fetch', async () => {
    const client = new Script(log('a'));
    let free = (): void => {};
    const gate = new Promise<void>((resolve) => {
      free = resolve;
    });
    await reading(client, { take: () => gate });
    await expect.poll(() => client.asked.filter((one) => one.startsWith('fetch'))).toHaveLength(2);
    client.logs[0]!.records.push('b', 'c');
    await sleep(50);
    expect(client.asked.filter((one) => one.startsWith('fetch'))).toEqual(['fetch 1 0@0', 'fetch 1 0@1']);
    free();
  });

  test('come from another broker when the leader has moved', async () => {
    const client = new Script(log('a'));
    const { taken } = await reading(client);
    await expect.poll(() => taken).toEqual(['0 a']);
    Object.assign(client.logs[0]!, { leader: { node: 2, epoch: 1 } });
    client.logs[0]!.records.push('b');
    await expect.poll(() => taken, patient).toEqual(['0 a', '0 b']);
  });

  test('of other partitions come while one has no leader', async () => {
    const client = new Script({ ...log('a'), leader: { node: -1, epoch: 0 } }, log('x'));
    const { taken } = await reading(client);
    await expect.poll(() => taken).toEqual(['1 x']);
    Object.assign(client.logs[0]!, { leader: { node: 1, epoch: 1 } });
    await expect.poll(() => taken, patient).toEqual(['1 x', '0 a']);
  });

  test('end with the signal, also while a broker does not answer', async () => {
    const client = new Script(log('a'));
    client.instead = () => new Promise(() => {});
    const { outcome, end } = await reading(client);
    await expect.poll(() => client.asked).toContain('fetch 1 0@0');
    end();
    expect(await outcome).toBe('ended');
  });

  test('end with the signal, also while no broker says who leads them', async () => {
    const client = new Script(log('a'));
    const { taken, outcome, end } = await reading(client);
    client.describe = () => new Promise(() => {});
    await expect.poll(() => taken).toEqual(['0 a']);
    end();
    expect(await outcome).toBe('ended');
  });
});

describe('a position that is not in the partition', () => {
  test('goes on with the first record that exists, where others were removed', async () => {
    const client = new Script({ ...log('a', 'b', 'c'), low: 2 });
    const { taken, jumps } = await reading(client);
    await expect.poll(() => taken).toEqual(['0 c']);
    expect(jumps).toEqual(['0 removed 0 -> 2']);
  });

  test('goes back to the beginning, where it is beyond the end', async () => {
    const client = new Script(log('a', 'b'));
    const { taken, jumps } = await reading(client, { from: { 0: 9 } });
    await expect.poll(() => taken).toEqual(['0 a', '0 b']);
    expect(jumps).toEqual(['0 lost 9 -> 0']);
  });

  test('goes back to where a new leader has lost the records that were read, though others have their offsets', async () => {
    const client = new Script(log('a', 'b', 'c'));
    const { taken, jumps } = await reading(client);
    await expect.poll(() => taken).toHaveLength(3);
    Object.assign(client.logs[0]!, {
      leader: { node: 1, epoch: 1 },
      records: ['a', 'B', 'C', 'D', 'E'],
      epochEnds: { 0: 1 },
    });
    await expect.poll(() => taken.slice(3), patient).toEqual(['0 B', '0 C', '0 D', '0 E']);
    expect(jumps).toEqual(['0 lost 3 -> 1']);
  });

  test('stays where a new leader has everything', async () => {
    const client = new Script(log('a', 'b'));
    const { taken, jumps } = await reading(client);
    await expect.poll(() => taken).toHaveLength(2);
    Object.assign(client.logs[0]!, { leader: { node: 2, epoch: 1 }, epochEnds: { 0: 2 } });
    client.logs[0]!.records.push('c');
    await expect.poll(() => taken, patient).toEqual(['0 a', '0 b', '0 c']);
    expect(jumps).toEqual([]);
  });

  test('begins anew in another topic of the same name, though that has as many records', async () => {
    const client = new Script(log('a', 'b'));
    const { taken, jumps } = await reading(client);
    await expect.poll(() => taken).toHaveLength(2);
    client.id = 'id-2';
    client.logs[0]!.records = ['x', 'y', 'z'];
    await expect.poll(() => taken.filter((one) => /[xy]/.test(one)), patient).toEqual(['0 x', '0 y']);
    expect(jumps).toEqual([expect.stringMatching(/^0 recreated \d -> 0$/) as string]);
  });
});

test('a topic that was made again with fewer records has lost none', async () => {
  const client = new Script(log('a', 'b', 'c'));
  const { taken, jumps } = await reading(client);
  await expect.poll(() => taken).toHaveLength(3);
  client.id = 'id-2';
  client.logs[0]!.records = ['x'];
  await expect.poll(() => taken.at(-1), patient).toBe('0 x');
  expect(jumps).toEqual(['0 recreated 3 -> 0']);
});

test('a topic that was made again is read from its beginning also where its partitions get their leaders later', async () => {
  const client = new Script(log('a', 'b'));
  const { taken, jumps } = await reading(client);
  await expect.poll(() => taken).toHaveLength(2);
  client.id = 'id-2';
  Object.assign(client.logs[0]!, { records: ['x', 'y', 'z'], leader: { node: -1, epoch: -1 } });
  const described = (): number => client.asked.filter((one) => one === 'describe').length;
  const before = described();
  await expect.poll(described, patient).toBeGreaterThan(before);
  Object.assign(client.logs[0]!, { leader: { node: 1, epoch: 0 } });
  await expect.poll(() => taken.slice(-3), patient).toEqual(['0 x', '0 y', '0 z']);
  expect(jumps).toEqual(['0 recreated 2 -> 0']);
});

describe('a follower that is nearer', () => {
  const redirect = (client: Script): void => {
    client.instead = (node, useRack) => {
      if (node === 2) {
        return Promise.reject(new Error('connection refused'));
      }
      const offset = BigInt(client.logs[0]!.records.length);
      return useRack
        ? Promise.resolve([
            {
              partition: 0,
              offset: 0n,
              error: undefined,
              records: [],
              next: 0n,
              leaderEpoch: -1,
              high: offset,
              preferredReplica: 2,
            },
          ])
        : undefined;
    };
  };

  test('is left for the leader when it cannot be reached, and not asked for again', async () => {
    const client = new Script(log('a'));
    redirect(client);
    const { taken } = await reading(client);
    await expect.poll(() => taken, patient).toEqual(['0 a']);
    expect(client.asked.filter((one) => one.startsWith('fetch 2'))).toHaveLength(1);
  });

  test('also when it takes the request and says nothing', async () => {
    const client = new Script(log('a'));
    redirect(client);
    const answer = client.instead;
    client.instead = (node, useRack) => (node === 2 ? new Promise(() => {}) : answer(node, useRack));
    const { taken } = await reading(client);
    await expect.poll(() => taken, patient).toEqual(['0 a']);
  });
});

describe('that nothing comes though there is something', () => {
  test('is said once it has lasted, and that it is over', async () => {
    const client = new Script(log('a'));
    client.instead = () => Promise.reject(new Error('connection refused'));
    const { stalls, taken } = await reading(client);
    await expect
      .poll(() => stalls[0], patient)
      .toBe('nothing comes from photos[0] at offset 0: connection refused');
    client.instead = () => undefined;
    await expect.poll(() => stalls.at(-1), patient).toBeUndefined();
    expect(taken).toEqual(['0 a']);
  });
});

describe('it is no use to try again', () => {
  test.each([
    ['where the broker says no for good', new BrokerError('TOPIC_AUTHORIZATION_FAILED', 'no', false)],
    ['where this program has a bug', new TypeError('x is not a function')],
  ])('%s', async (_case, error) => {
    const client = new Script(log('a'));
    client.instead = () => Promise.reject(error);
    const { outcome } = await reading(client);
    expect(await outcome).toBe(error);
  });
});
