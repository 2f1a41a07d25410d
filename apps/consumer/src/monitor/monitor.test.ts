import { readFileSync } from 'node:fs';
import { createBudget } from '@image-stream/budget';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startMonitor } from './monitor.ts';

describe('ready', () => {
  test('as soon as the group has assigned partitions, and no longer when it takes them back', async () => {
    const { monitor, readiness } = await start();
    const before = await readiness();
    monitor.assigned([0, 2]);
    const assigned = await readiness();
    monitor.unassigned('the group is sharing out its partitions again');
    const revoked = await readiness();
    monitor.assigned([]);
    const left = await readiness();

    expect(before).toEqual([503, 'not assigned yet: waiting for the group']);
    expect(assigned).toEqual([200, undefined]);
    expect(revoked).toEqual([503, 'not assigned: the group is sharing out its partitions again']);
    expect(left).toEqual([503, 'not assigned: the other members of the group have all partitions']);
  });

  test('not while stalled, which counts once and says since when, and the latest reason', async () => {
    const { monitor, readiness, metrics } = await start();
    monitor.assigned([0]);
    expect(await metrics()).toContain('\nimage_stream_stalled 0\n');
    monitor.stalled('disk full: ENOSPC: no space left on device');
    const [status, first] = await readiness();
    monitor.stalled('the dead-letter topic does not answer');
    const [, second] = await readiness();
    const text = await metrics();
    monitor.resumed();

    expect(status).toBe(503);
    const [, since] =
      /^stalled since (\S+Z): disk full: ENOSPC: no space left on device$/.exec(first ?? '') ?? [];
    expect(second).toBe(`stalled since ${since}: the dead-letter topic does not answer`);
    expect(text).toContain('\nimage_stream_stalled 1\n');
    expect(text).toContain('\nimage_stream_stalls_total 1\n');
    expect(await readiness()).toEqual([200, undefined]);
    monitor.stalled('again');
    expect(await metrics()).toContain('\nimage_stream_stalls_total 2\n');
  });
});

describe('metrics', () => {
  test('count what was saved, what was there and what failed', async () => {
    const { monitor, metrics } = await start();
    for (const how of ['written', 'replaced', 'exists'] as const) {
      monitor.received(120);
      monitor.saved(how, 100, Date.now());
    }
    monitor.failed();
    const text = await metrics();
    expect(text).toContain('\nimage_stream_images_saved_total 2\n');
    expect(text).toContain('\nimage_stream_images_existing_total 1\n');
    expect(text).toContain('\nimage_stream_images_failed_total 1\n');
    expect(text).toContain('\nimage_stream_payload_bytes_total 300\n');
    expect(text).toContain('\nimage_stream_wire_bytes_total 360\n');
  });

  test('measure from the timestamp of a record to the disk, in seconds, whatever the clocks say', async () => {
    const { monitor, metrics } = await start();
    monitor.saved('written', 1, Date.now() - 90_000);
    monitor.saved('written', 1, Date.now() + 90_000);
    monitor.saved('exists', 1, 0);
    const text = await metrics();
    expect(text).toContain('\nimage_stream_delivery_duration_seconds_count 2\n');
    expect(text).toContain('\nimage_stream_delivery_duration_seconds_bucket{le="0.01"} 1\n');
    expect(text).toContain('\nimage_stream_delivery_duration_seconds_bucket{le="60"} 1\n');
    expect(text).toContain('\nimage_stream_delivery_duration_seconds_bucket{le="300"} 2\n');
  });

  test('count dead letters by their reason', async () => {
    const { monitor, metrics } = await start();
    for (const code of ['CORRUPT_PAYLOAD', 'CONFLICT', 'CONFLICT']) {
      monitor.deadLettered(code);
    }
    const text = await metrics();
    expect(text).toContain('\nimage_stream_dead_letters_total{reason="CORRUPT_PAYLOAD"} 1\n');
    expect(text).toContain('\nimage_stream_dead_letters_total{reason="CONFLICT"} 2\n');
  });

  test('time what succeeds, and pass on what it gives and throws', async () => {
    const { monitor, metrics } = await start();
    const decode = monitor.timed('decode', async (value: number) => value + 1);
    const save = monitor.timed('save', () => Promise.reject(new Error('disk full')));
    expect(await decode(1)).toBe(2);
    await expect(save()).rejects.toThrow('disk full');
    const text = await metrics();
    expect(text).toContain('\nimage_stream_decode_duration_seconds_count 1\n');
    expect(text).toContain('\nimage_stream_save_duration_seconds_count 0\n');
  });

  test('show what is in work at the moment', async () => {
    const { budget, metrics } = await start();
    await budget.reserve(300);
    const release = await budget.reserve(100);
    const during = await metrics();
    release();
    expect(during).toContain('\nimage_stream_in_flight_images 2\n');
    expect(during).toContain('\nimage_stream_in_flight_bytes 400\n');
    expect(await metrics()).toContain('\nimage_stream_in_flight_bytes 300\n');
  });

  test('show the lag of the partitions that are assigned', async () => {
    const { monitor, lags } = await start();
    monitor.followLag(async () => new Map([0, 1, 2].map((partition) => [partition, partition * 10])));
    monitor.assigned([1, 2]);
    await vi.waitUntil(async () => (await lags()).length > 0);
    expect(await lags()).toEqual(['{partition="1"} 10', '{partition="2"} 20']);
    monitor.assigned([0]);
    expect(await lags()).toEqual(['{partition="0"} 0']);
    monitor.unassigned('the connection to Kafka was lost');
    expect(await lags()).toEqual([]);
  });

  test('are those that docs/OPERATIONS.md lists, and those of the process', async () => {
    const { metrics } = await start();
    const text = await metrics();
    const document = readFileSync(new URL('../../../../docs/OPERATIONS.md', import.meta.url), 'utf8');
    const served = [...text.matchAll(/^# TYPE (image_stream_\w+) (\w+)$/gm)];
    const ofConsumer = document.slice(0, document.indexOf('### Of a producer'));
    const listed = [...ofConsumer.matchAll(/^\| `(image_stream_\w+)[^|]*\| (\w+)/gm)];
    const names = (found: RegExpExecArray[]) => found.map(([, name, type]) => `${name} ${type}`).toSorted();
    expect(names(served)).toEqual(names(listed));
    expect(text).toContain('# TYPE process_resident_memory_bytes gauge\n');
  });
});

test('where there is no port, nothing listens and the work is the same', async () => {
  const before = process.getActiveResourcesInfo();
  const logged: unknown[] = [];
  const logger = { debug: () => {}, info: (message: unknown) => void logged.push(message) };
  const monitor = await startMonitor({
    host: '127.0.0.1',
    port: undefined,
    budget: createBudget(1, 1),
    logger,
  });
  const work = async (): Promise<number> => 1;
  expect(monitor.timed('save', work)).toBe(work);
  expect(logged).toEqual([]);
  expect(process.getActiveResourcesInfo()).toEqual(before);
});

/** A monitor on a free port, and what it serves. */
async function start() {
  let url = '';
  const logger = {
    debug: () => {},
    info: (message: unknown) => {
      [url = ''] = /http:\S+$/.exec(String(message)) ?? [];
    },
  };
  const budget = createBudget(1000, 10);
  const monitor = await startMonitor({ host: '127.0.0.1', port: 0, budget, logger });
  onTestFinished(() => monitor.close());
  const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
  return {
    monitor,
    budget,
    metrics,
    lags: async () =>
      [...(await metrics()).matchAll(/^image_stream_lag_records(.+)$/gm)].map(([, one]) => one),
    readiness: async (): Promise<[number, string | undefined]> => {
      const response = await fetch(`${url}/readyz`);
      return [response.status, ((await response.json()) as { reason?: string }).reason];
    },
  };
}
