import { fetchRecords } from '@image-stream/kafka-client';
import type { TopicClient, TopicState } from '@image-stream/kafka-client';
import type { Logger, OutageLog } from '@image-stream/program';
import type { Monitor } from '../monitor/monitor.ts';
import { createChannel } from './channel.ts';
import type { Delivery } from './delivery.ts';
import type { Ends } from './ends.ts';
import type { Jumps } from './jumps.ts';
import type { Receiver } from './receiver.ts';

export interface PartReceiverOptions {
  readonly client: TopicClient;
  /** The topic that the places belong to. */
  readonly state: TopicState;
  /** Where to begin, by partition. */
  readonly starts: ReadonlyMap<number, bigint>;
  readonly jumps: Pick<Jumps, 'report'>;
  /** Where to end; undefined goes on for ever. */
  readonly ends: Ends | undefined;
  /** Stops it. */
  readonly signal: AbortSignal;
  /** Told what keeps records from coming. */
  readonly outage: OutageLog;
  readonly logger: Pick<Logger, 'debug'>;
  readonly monitor: Pick<Monitor, 'assigned' | 'silent'>;
}

/** Reads a part of a topic without a group: nothing is committed, and nobody else's records are touched. */
export function createPartReceiver(options: PartReceiverOptions): Receiver {
  const { client, state, starts, jumps, ends, outage, logger, monitor } = options;
  const { topic } = client;
  const channel = createChannel<Delivery>();
  const stopping = new AbortController();

  options.signal.addEventListener('abort', stop, { once: true, signal: stopping.signal });
  if (options.signal.aborted || ends?.isReached() === true) {
    stop();
  }
  monitor.assigned([...starts.keys()]);
  logger.debug(
    {
      topic,
      starts: Object.fromEntries([...starts].map(([partition, offset]) => [partition, String(offset)])),
    },
    'reads without a group',
  );
  const running = fetchRecords({
    client,
    topic: state,
    positions: new Map([...starts].map(([partition, offset]) => [partition, { offset, epoch: -1 }])),
    async take(partition, records, next) {
      for (const record of records) {
        const delivery: Delivery = {
          record: { topic, partition, ...record },
          done: () => {},
          isCurrent: () => true,
        };
        if (!(await channel.push(delivery))) {
          return;
        }
        reachEnd(partition, BigInt(record.offset) + 1n);
      }
      reachEnd(partition, next.offset);
    },
    changed: () => {},
    jumped(jump) {
      jumps.report(jump);
      ends?.shorten(jump.partition, jump.high);
      reachEnd(jump.partition, jump.to);
    },
    stalled(reason) {
      monitor.silent(reason);
      if (reason === undefined) {
        outage.over();
      } else {
        outage.failed(reason);
      }
    },
    signal: stopping.signal,
  }).catch((error: unknown) => channel.close(error));

  function reachEnd(partition: number, offset: bigint): void {
    ends?.reach({ partition, offset });
    if (ends?.isReached() === true) {
      stop();
    }
  }

  function stop(): void {
    stopping.abort();
    channel.close();
  }

  return {
    [Symbol.asyncIterator]: () => channel[Symbol.asyncIterator](),
    stop,
    async close() {
      stop();
      await running;
      await client.close();
      return undefined;
    },
  };
}
