import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

/** What is read at the moment when somebody asks for the metrics. */
export interface Readings {
  /** Bytes and images in work. */
  readonly inFlight: () => { readonly bytes: number; readonly slots: number };
  /** Files that wait to become whole. */
  readonly incomplete: () => number;
  readonly isStalled: () => boolean;
}

/** The metrics of a producer, and those of its process, in a registry of their own. docs/OPERATIONS.md lists them. */
export function createMetrics({ inFlight, incomplete, isStalled }: Readings) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  gauge('in_flight_images', 'Images that are encoded, or not acknowledged yet', () => inFlight().slots);
  gauge('in_flight_bytes', 'Bytes of these images', () => inFlight().bytes);
  gauge('incomplete_files', 'Files of --watch that are not completely written yet', incomplete);
  gauge('stalled', '1 while records are not acknowledged and sent again, else 0', () => Number(isStalled()));

  return {
    registry,
    sent: counter('images_sent_total', 'Images whose records are all acknowledged'),
    failed: counter('images_failed_total', 'Attempts to send an image that failed for good'),
    payloadBytes: counter(
      'payload_bytes_total',
      'Bytes of the images: as pixels where they are pixels, else of their files',
    ),
    wireBytes: counter('wire_bytes_total', "Bytes of the records' keys and values"),
    stalls: counter('stalls_total', 'How often records were not acknowledged for a while'),
  };

  function counter(name: string, help: string): Counter {
    return new Counter(named(name, help));
  }

  function gauge(name: string, help: string, read: () => number): void {
    const own: Gauge = new Gauge({ ...named(name, help), collect: () => own.set(read()) });
  }

  function named(name: string, help: string) {
    return { name: `image_stream_${name}`, help, registers: [registry] };
  }
}
