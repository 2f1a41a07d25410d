import type { Lag } from '@image-stream/kafka-client';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What is read at the moment when somebody asks for the metrics. */
export interface Readings {
  /** Bytes and images in work. */
  readonly inFlight: () => { readonly bytes: number; readonly images: number };
  /** Images that are accepted, and not durable yet. */
  readonly waiting: () => number;
  readonly isStalled: () => boolean;
  /** Of the partitions that are assigned to this consumer. */
  readonly lag: () => Lag;
}

/** Bounds in seconds: a small image takes milliseconds, a large one on a slow disk minutes. */
const workBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Bounds in seconds: a record may have waited for days before this consumer was started. */
const deliveryBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 86_400];

/** The metrics of a consumer, and those of its process, in a registry of their own. docs/OPERATIONS.md lists them. */
export function createMetrics({ inFlight, waiting, isStalled, lag }: Readings) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  gauge('in_flight_images', 'Images that are being decoded or saved', (own) => own.set(inFlight().images));
  gauge('in_flight_bytes', 'Bytes of the records of these images', (own) => own.set(inFlight().bytes));
  gauge('waiting_images', 'Images that are not durable yet: with shards, those of open ones', (own) =>
    own.set(waiting()),
  );
  gauge('stalled', '1 while images cannot be saved and are tried again, else 0', (own) =>
    own.set(Number(isStalled())),
  );
  gauge(
    'lag_records',
    'Records of a partition that are not committed yet',
    (own) => {
      own.reset();
      for (const [partition, records] of lag()) {
        own.set({ partition }, records);
      }
    },
    ['partition'],
  );

  return {
    registry,
    saved: counter('images_saved_total', 'Images newly on disk'),
    existing: counter('images_existing_total', 'Images that were on disk already'),
    failed: counter('images_failed_total', 'Records that could not be saved'),
    payloadBytes: counter(
      'payload_bytes_total',
      'Bytes of the images: as pixels where they are pixels, else of their files',
    ),
    wireBytes: counter('wire_bytes_total', "Bytes of the records' keys and values"),
    deadLetters: counter('dead_letters_total', 'Records sent to the dead-letter topic, by error code', [
      'reason',
    ]),
    tombstones: counter(
      'tombstones_total',
      'Records without a value, which delete what was sent under their key',
    ),
    removed: counter('records_removed_total', 'Records that retention removed before they were read'),
    stalls: counter('stalls_total', 'How often images could not be saved for a while'),
    decode: histogram('decode_duration_seconds', 'Time to decode a record', workBuckets),
    save: histogram('save_duration_seconds', 'Time to bring an image durably to disk', workBuckets),
    delivery: histogram(
      'delivery_duration_seconds',
      "From a record's timestamp until its image was newly and durably on disk",
      deliveryBuckets,
    ),
  };

  function counter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ ...named(name, help), labelNames });
  }

  function histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ ...named(name, help), buckets });
  }

  function gauge<L extends string = never>(
    name: string,
    help: string,
    read: (own: Gauge<L>) => void,
    labelNames: L[] = [],
  ): void {
    const own: Gauge<L> = new Gauge({ ...named(name, help), labelNames, collect: () => read(own) });
  }

  function named(name: string, help: string) {
    return { name: `image_stream_${name}`, help, registers: [registry] };
  }
}
