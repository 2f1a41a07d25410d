import { createStall, serveHealth } from '@image-stream/http';
import type { ByteBudget } from '@image-stream/budget';
import type { Logger } from '@image-stream/program';

/** What a producer tells about itself while it runs. Nothing here throws or makes it wait. */
export interface Monitor {
  /** It is connected, and what it has in work is in this budget. */
  connected(budget: Pick<ByteBudget, 'inUse'>): void;
  /** All records of an image are acknowledged. */
  sent(payloadBytes: number, wireBytes: number): void;
  /** An image could not be read, encoded or delivered. */
  failed(): void;
  /** Records are not acknowledged for now, and sent again; may be said again with another reason. */
  stalled(reason: string): void;
  /** They are acknowledged again. */
  resumed(): void;
  close(): void;
}

export interface MonitorOptions {
  /** Where to answer. */
  readonly host: string | undefined;
  /** 0 takes any that is free; undefined tells nobody. */
  readonly port: number | undefined;
  /** How many files wait to become whole. */
  readonly incomplete: () => number;
  readonly logger: Pick<Logger, 'debug' | 'info'>;
}

/**
 * A monitor that serves what it is told, for probes and for Prometheus; where there is no port, one that does nothing.
 *
 * @throws ListenError when nothing can listen there
 */
export async function startMonitor({ host, port, incomplete, logger }: MonitorOptions): Promise<Monitor> {
  if (port === undefined) {
    return silentMonitor;
  }
  // Loaded for those who ask for it.
  const { createMetrics } = await import('./metrics.ts');
  let inUse: ByteBudget['inUse'] | undefined;
  const stall = createStall();

  const metrics = createMetrics({
    inFlight: () => inUse?.() ?? { bytes: 0, slots: 0 },
    incomplete,
    isStalled: () => stall.problem() !== undefined,
  });
  const { registry } = metrics;
  const server = await serveHealth({
    host,
    port,
    problem: () => stall.problem() ?? (inUse === undefined ? 'not connected to Kafka yet' : undefined),
    metrics: { contentType: registry.contentType, read: () => registry.metrics() },
    logger,
  });

  return {
    connected(budget) {
      inUse = () => budget.inUse();
    },
    sent(payloadBytes, wireBytes) {
      metrics.sent.inc();
      metrics.payloadBytes.inc(payloadBytes);
      metrics.wireBytes.inc(wireBytes);
    },
    failed: () => metrics.failed.inc(),
    stalled(reason) {
      if (stall.begin(reason)) {
        metrics.stalls.inc();
      }
    },
    resumed: () => stall.end(),
    close: () => server.close(),
  };
}

const nothing = (): void => {};

/** A monitor that nobody asks. */
export const silentMonitor: Monitor = {
  connected: nothing,
  sent: nothing,
  failed: nothing,
  stalled: nothing,
  resumed: nothing,
  close: nothing,
};
