import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

/** What is read at the moment when somebody asks for the metrics. */
export interface Readings {
  readonly counts: () => {
    readonly images: number;
    readonly passedOver: number;
    readonly payloadBytes: number;
    readonly wireBytes: number;
  };
  readonly pages: () => number;
  readonly topics: () => number;
  /** Bytes that readers are sent. */
  readonly inFlightBytes: () => number;
  /** By status of HTTP, how many requests were refused. */
  readonly refused: () => ReadonlyMap<number, number>;
}

/** The metrics of a gallery, and those of its process, in a registry of their own. docs/gallery.md lists them. */
export function createMetrics({ counts, pages, topics, inFlightBytes, refused }: Readings): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  counter('images_shown_total', 'Images that were shown, from before the start included', (own) =>
    own.inc(counts().images),
  );
  counter(
    'records_passed_over_total',
    'Records that were not shown, since more came than there was time for',
    (own) => own.inc(counts().passedOver),
  );
  counter(
    'payload_bytes_total',
    'Bytes of the images: as pixels where they are pixels, else of their files',
    (own) => own.inc(counts().payloadBytes),
  );
  counter('wire_bytes_total', "Bytes of the records' keys and values", (own) => own.inc(counts().wireBytes));
  counter(
    'requests_refused_total',
    'Requests that were refused, by status of HTTP: 401 are wrong logins, or none',
    (own) => refused().forEach((count, status) => own.inc({ status }, count)),
    ['status'],
  );
  gauge('pages_open', 'Pages that are live', pages);
  gauge('topics_open', 'Topics that are read, since somebody looks at them', topics);
  gauge('in_flight_bytes', 'Bytes of what readers are sent', inFlightBytes);
  return registry;

  function counter<L extends string = never>(
    name: string,
    help: string,
    read: (own: Counter<L>) => void,
    labelNames: L[] = [],
  ): void {
    const own: Counter<L> = new Counter({
      ...named(name, help),
      labelNames,
      collect() {
        own.reset();
        read(own);
      },
    });
  }

  function gauge(name: string, help: string, read: () => number): void {
    const own: Gauge = new Gauge({ ...named(name, help), collect: () => own.set(read()) });
  }

  function named(name: string, help: string) {
    return { name: `image_stream_${name}`, help, registers: [registry] };
  }
}
