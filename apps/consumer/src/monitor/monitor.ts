import type { Lag } from '@image-stream/kafka-client';
import { createStall, serveHealth } from '@image-stream/http';
import type { ByteBudget } from '@image-stream/budget';
import type { Logger } from '@image-stream/program';
import type { SavedImage } from '../save.ts';
import { followLag } from './lag.ts';

/** What a consumer tells about itself while it runs. Nothing here throws or makes it wait. */
export interface Monitor {
  /** The bytes of a record's key and value, once for each record that was taken. */
  received(wireBytes: number): void;
  /** So many images are accepted, and not durable yet. */
  waiting(images: number): void;
  /**
   * An image is durably on disk.
   *
   * @param timestamp of its record, of its last chunk where it has several; in milliseconds since 1970
   */
  saved(how: SavedImage['how'], payloadBytes: number, timestamp: number): void;
  /** A record said that what was sent under its key is deleted. */
  deleted(): void;
  /** A record cannot be saved. */
  failed(): void;
  /** A record is in the dead-letter topic, because of an error with this code. */
  deadLettered(code: string): void;
  /** So many records were removed before they were read. */
  removed(records: number): void;
  /** Nothing can be saved for now, and is tried again; may be said again with another reason. */
  stalled(reason: string): void;
  /** What was stalled goes on. */
  resumed(): void;
  /** Why no records come though there are some; undefined where they come. */
  silent(reason: string | undefined): void;
  /** The group has given these partitions to this consumer, instead of those before. */
  assigned(partitions: readonly number[]): void;
  /** No partition is this consumer's for now. */
  unassigned(reason: string): void;
  /** The same function, with its time observed whenever it succeeds. */
  timed<A extends unknown[], R>(
    stage: 'decode' | 'save',
    work: (...args: A) => Promise<R>,
  ): (...args: A) => Promise<R>;
  /** Asks for the lag from now on, every few seconds. */
  followLag(read: () => Promise<Lag>): void;
  close(): void;
}

export interface MonitorOptions {
  /** Where to answer. */
  readonly host: string | undefined;
  /** 0 takes any that is free; undefined tells nobody. */
  readonly port: number | undefined;
  readonly budget: Pick<ByteBudget, 'inUse'>;
  readonly logger: Pick<Logger, 'debug' | 'info'>;
}

/**
 * A monitor that serves what it is told, for probes and for Prometheus; where there is no port, one that does nothing.
 *
 * @throws ListenError when nothing can listen there
 */
export async function startMonitor({ host, port, budget, logger }: MonitorOptions): Promise<Monitor> {
  if (port === undefined) {
    return silentMonitor;
  }
  // Loaded for those who ask for it.
  const { createMetrics } = await import('./metrics.ts');
  let partitions: readonly number[] = [];
  let whyUnassigned = 'not assigned yet: waiting for the group';
  let silence: string | undefined;
  let lag: Lag = new Map();
  let waiting = 0;
  const closing = new AbortController();
  const stall = createStall();

  const metrics = createMetrics({
    inFlight: () => ({ bytes: budget.inUse().bytes, images: budget.inUse().slots }),
    waiting: () => waiting,
    isStalled: () => stall.problem() !== undefined,
    lag: () => new Map([...lag].filter(([partition]) => partitions.includes(partition))),
  });
  const { registry } = metrics;
  const server = await serveHealth({
    host,
    port,
    problem,
    metrics: { contentType: registry.contentType, read: () => registry.metrics() },
    logger,
  });

  function problem(): string | undefined {
    return stall.problem() ?? (partitions.length === 0 ? whyUnassigned : silence);
  }

  return {
    received: (wireBytes) => metrics.wireBytes.inc(wireBytes),
    saved(how, payloadBytes, timestamp) {
      metrics.payloadBytes.inc(payloadBytes);
      if (how === 'exists') {
        metrics.existing.inc();
        return;
      }
      metrics.saved.inc();
      // Clocks of two machines differ.
      metrics.delivery.observe(Math.max(0, Date.now() - timestamp) / 1000);
    },
    waiting(images) {
      waiting = images;
    },
    deleted: () => metrics.tombstones.inc(),
    failed: () => metrics.failed.inc(),
    deadLettered: (code) => metrics.deadLetters.inc({ reason: code }),
    removed: (records) => metrics.removed.inc(records),
    stalled(reason) {
      if (stall.begin(reason)) {
        metrics.stalls.inc();
      }
    },
    resumed: () => stall.end(),
    silent(reason) {
      silence = reason;
    },
    assigned(now) {
      partitions = now;
      whyUnassigned = 'not assigned: the other members of the group have all partitions';
    },
    unassigned(reason) {
      partitions = [];
      whyUnassigned = `not assigned: ${reason}`;
    },
    timed:
      (stage, work) =>
      async (...args) => {
        const observe = metrics[stage].startTimer();
        const result = await work(...args);
        observe();
        return result;
      },
    followLag(read) {
      const tell = (latest: Lag): void => {
        lag = latest;
      };
      void followLag(read, tell, closing.signal);
    },
    close() {
      closing.abort();
      server.close();
    },
  };
}

const nothing = (): void => {};

/** A monitor that nobody asks. */
export const silentMonitor: Monitor = {
  received: nothing,
  waiting: nothing,
  saved: nothing,
  deleted: nothing,
  failed: nothing,
  deadLettered: nothing,
  removed: nothing,
  stalled: nothing,
  resumed: nothing,
  silent: nothing,
  assigned: nothing,
  unassigned: nothing,
  timed: (_stage, work) => work,
  followLag: nothing,
  close: nothing,
};
