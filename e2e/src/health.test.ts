import { writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '@image-stream/local-kafka';
import sharp from 'sharp';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { committed, createTopic, uniqueName } from './kafka.test-support.ts';
import { start, succeed, summaryOf } from './programs.test-support.ts';

const small = ['--width', '16', '--height', '16'];
const patience = { timeout: 50_000, interval: 50 };

test('a consumer that is asked says that it is ready, and counts what it saved', async () => {
  const topic = await createTopic(2);
  const consumer = await monitored(['-t', topic, '-gid', topic, '-o', temporaryFolder(), '--json']);
  await vi.waitUntil(async () => (await fetch(`${consumer.url}/readyz`)).ok, patience);
  const sent = await succeed('producer', ['-n', '12', '-t', topic, '--encoding', 'npy', ...small]);
  await vi.waitUntil(async () => (await consumer.value('images_saved_total')) === 12, patience);
  await vi.waitUntil(async () => (await consumer.lag()) === 0, patience);

  const samples = parse(await consumer.metrics());
  const value = (name: string): number | undefined => samples.get(`image_stream_${name}`);
  expect(value('payload_bytes_total')).toBe(sent.payloadBytes);
  expect(value('wire_bytes_total')).toBe(sent.wireBytes);
  expect(value('images_existing_total')).toBe(0);
  expect(value('images_failed_total')).toBe(0);
  expect(value('stalls_total')).toBe(0);
  expect(value('stalled')).toBe(0);
  expect(value('in_flight_images')).toBe(0);
  expect(value('in_flight_bytes')).toBe(0);
  for (const stage of ['decode', 'save', 'delivery']) {
    expect(value(`${stage}_duration_seconds_count`)).toBe(12);
    expect(value(`${stage}_duration_seconds_bucket{le="+Inf"}`)).toBe(12);
    expect(value(`${stage}_duration_seconds_sum`)).toBeGreaterThan(0);
  }
  expect(
    [...samples.keys()].filter((name) => name.startsWith('image_stream_lag_records')).toSorted(),
  ).toEqual(['image_stream_lag_records{partition="0"}', 'image_stream_lag_records{partition="1"}']);
  expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(0);

  // A connection that is kept alive does not keep the program alive.
  consumer.process.kill('SIGTERM');
  const { exitCode, stdout } = await consumer.ended;
  expect(exitCode).toBe(0);
  expect(summaryOf(stdout)).toMatchObject({ images: 12, failed: 0 });
});

test('images that are there already are counted apart, and not as delivered', async () => {
  const topic = await createTopic();
  const output = temporaryFolder();
  await succeed('producer', ['-n', '3', '-t', topic, ...small]);
  await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
  const consumer = await monitored(['-t', topic, '-gid', uniqueName(), '-o', output]);
  await vi.waitUntil(async () => (await consumer.value('images_existing_total')) === 3, patience);
  expect(await consumer.value('images_saved_total')).toBe(0);
  expect(await consumer.value('save_duration_seconds_count')).toBe(3);
  expect(await consumer.value('delivery_duration_seconds_count')).toBe(0);
});

describe('lag', () => {
  test.each(['earliest', 'latest'])('is what is not committed yet, by a group from the %s', async (reset) => {
    const topic = await createTopic();
    await succeed('producer', ['-n', '4', '-t', topic, ...small]);
    const consumer = await monitored([
      ...['-t', topic, '-gid', topic, '-o', temporaryFolder(), '-aor', reset],
      ...['-eac', 'true', '-X', 'auto.commit.interval.ms=600000'],
    ]);
    await vi.waitUntil(async () => (await consumer.lag()) !== undefined, patience);
    await succeed('producer', ['-n', '5', '-t', topic, ...small]);
    const expected = reset === 'earliest' ? 9 : 5;
    await vi.waitUntil(async () => (await consumer.value('images_saved_total')) === expected, patience);
    await vi.waitUntil(async () => (await consumer.lag()) === expected, patience);
    expect(await committed(topic, topic)).toEqual([-1]);
  });
});

test('of two consumers of one partition, one is ready and the other says why it is not', async () => {
  const topic = await createTopic();
  const consume = ['-t', topic, '-gid', topic, '-o', temporaryFolder()];
  const both = [await monitored(consume), await monitored(consume)];
  const readiness = async (): Promise<string> => {
    const answers = await Promise.all(both.map(async ({ url }) => (await fetch(`${url}/readyz`)).text()));
    return answers.toSorted().join('');
  };
  const spare =
    '{"status":"not ready","reason":"not assigned: the other members of the group have all partitions"}';
  await vi.waitUntil(async () => (await readiness()) === `${spare}\n{"status":"ready"}\n`, patience);
  const alive = await Promise.all(both.map(async ({ url }) => (await fetch(`${url}/healthz`)).status));
  expect(alive).toEqual([200, 200]);
});

test(
  'without a broker it is not ready and tells no lag, and is again when it is back',
  { timeout: 120_000 },
  async () => {
    // Of the consumer and of the broker, of which neither is taken back while it counts as alive.
    const kafka = await startKafka({
      config: {
        'group.min.session.timeout.ms': '1000',
        'broker.session.timeout.ms': '3000',
        'broker.heartbeat.interval.ms': '500',
      },
    });
    onTestFinished(() => kafka.stop());
    const consumer = await monitored([
      '-bs',
      kafka.bootstrapServers,
      '-o',
      temporaryFolder(),
      '-X',
      'session.timeout.ms=2000',
      '-X',
      'heartbeat.interval.ms=300',
    ]);
    const readiness = async (): Promise<string> => (await fetch(`${consumer.url}/readyz`)).text();
    await vi.waitUntil(async () => /topic data-stream does not exist yet/.test(await readiness()), patience);
    await succeed('producer', ['-bs', kafka.bootstrapServers, '-n', '1', ...small]);
    await vi.waitUntil(async () => (await consumer.lag()) === 0, patience);

    await kafka.brokers[0]!.kill();
    await vi.waitUntil(async () => (await consumer.lag()) === undefined, patience);
    await vi.waitUntil(
      async () => /nothing comes from data-stream|cannot join the group/.test(await readiness()),
      patience,
    );
    await kafka.brokers[0]!.restart();
    await vi.waitUntil(async () => (await readiness()) === '{"status":"ready"}\n', patience);
    await vi.waitUntil(async () => (await consumer.lag()) === 0, patience);
  },
);

test('nothing else is answered, and nothing but loopback is listened on', async (context) => {
  const topic = await createTopic();
  const { url } = await monitored(['-t', topic, '-gid', topic, '-o', temporaryFolder()]);
  expect(new URL(url).hostname).toBe('127.0.0.1');
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405);

  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  context.skip(outside === undefined, 'this machine has no interface but loopback');
  const elsewhere = url.replace('127.0.0.1', outside!.address);
  await expect(fetch(`${elsewhere}/healthz`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});

test('a port that is in use ends the consumer with one line, before it takes anything', async () => {
  const topic = await createTopic();
  await succeed('producer', ['-n', '1', '-t', topic, ...small]);
  const other = await monitored(['-t', topic, '-gid', uniqueName(), '-o', temporaryFolder()]);
  const { port } = new URL(other.url);
  const output = temporaryFolder();
  const consume = ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end', '--metrics-port', port];
  const { exitCode, stdout, stderr } = await start('consumer', consume).ended;

  expect(exitCode).toBe(1);
  expect(stderr).toBe(
    `consumer: cannot listen on --metrics-port ${port} of --metrics-host 127.0.0.1: ` +
      'the port is in use; choose another port, or 0 for any that is free\n',
  );
  expect(stdout).toBe('');
  expect(filesIn(output)).toEqual([]);
  expect(await committed(topic, topic)).toEqual([-1]);
});

test('a producer that watches says that it is ready, counts what it sent, and when Kafka does not acknowledge', async () => {
  const own = await startKafka();
  onTestFinished(() => own.stop());
  const topic = uniqueName();
  const folder = temporaryFolder();
  const shared = ['-bs', own.bootstrapServers, '-t', topic, '-rt', '2000'];
  const producer = await monitored([folder, '--watch', ...shared], 'producer');
  const readiness = async (): Promise<string> => (await fetch(`${producer.url}/readyz`)).text();
  await vi.waitUntil(async () => (await readiness()) === '{"status":"ready"}\n', patience);
  const picture = await sharp({ create: { width: 16, height: 16, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  writeFileSync(join(folder, 'one.png'), picture);
  writeFileSync(join(folder, 'cut.png'), picture.subarray(0, -20));
  await vi.waitUntil(async () => (await producer.value('images_sent_total')) === 1, patience);
  await vi.waitUntil(async () => (await producer.value('incomplete_files')) === 1, patience);
  const samples = parse(await producer.metrics());
  expect(samples.get('image_stream_payload_bytes_total')).toBe(picture.length);
  expect(samples.get('image_stream_wire_bytes_total')).toBeGreaterThan(picture.length);
  expect(samples.get('image_stream_images_failed_total')).toBe(0);
  expect(samples.get('image_stream_in_flight_images')).toBe(0);
  expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(0);

  await own.brokers[0]!.pause();
  writeFileSync(join(folder, 'two.png'), picture);
  await vi.waitUntil(async () => (await readiness()).includes('stalled since'), patience);
  expect(await producer.value('stalled')).toBe(1);
  own.brokers[0]!.resume();
  await vi.waitUntil(async () => (await producer.value('images_sent_total')) === 2, patience);
  await vi.waitUntil(async () => (await readiness()) === '{"status":"ready"}\n', patience);
  expect([await producer.value('stalled'), await producer.value('stalls_total')]).toEqual([0, 1]);
});

test('a producer whose metrics cannot be served says so', async () => {
  const taken = await monitored([temporaryFolder(), '--watch', '-t', uniqueName()], 'producer');
  const { port } = new URL(taken.url);
  const { exitCode, stderr } = await start('producer', ['-n', '1', '--metrics-port', port]).ended;
  expect({ exitCode, stderr }).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('--metrics-port'),
  });
});

/** A program with metrics on a free port, which the end of the test ends. */
async function monitored(args: readonly string[], program: 'consumer' | 'producer' = 'consumer') {
  const consumer = start(program, [...args, '--metrics-port', '0']);
  onTestFinished(async () => {
    consumer.process.kill('SIGTERM');
    await consumer.ended;
  });
  const [, url = ''] = await vi.waitUntil(() => /metrics on (http:\S+)/.exec(consumer.log()), patience);
  const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
  const sample = async (name: string): Promise<number | undefined> =>
    parse(await metrics()).get(`image_stream_${name}`);
  return {
    ...consumer,
    url,
    metrics,
    value: sample,
    /** Of all partitions; undefined until it is known. */
    async lag(): Promise<number | undefined> {
      const all = [...parse(await metrics())].filter(([name]) => name.startsWith('image_stream_lag_records'));
      return all.length === 0 ? undefined : all.reduce((sum, [, records]) => sum + records, 0);
    },
  };
}

/**
 * Prometheus' text format, in which every sample belongs to the HELP and TYPE before it.
 *
 * @returns values by name and labels
 */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const block of text.trimEnd().split('\n\n')) {
    const [help = '', type = '', ...lines] = block.split('\n');
    const [, name] = /^# HELP (\w+) \S/.exec(help) ?? [];
    const [, kind] = new RegExp(`^# TYPE ${name} (counter|gauge|histogram)$`).exec(type) ?? [];
    expect(kind, `type of ${name} in ${block}`).toBeDefined();
    const suffix = kind === 'histogram' ? '_(?:bucket|sum|count)' : '';
    for (const line of lines) {
      const [, key, value] = new RegExp(`^(${name}${suffix}(?:\\{[^}]*\\})?) (\\S+)$`).exec(line) ?? [];
      expect(key, line).toBeDefined();
      // Of the process, some are not a number when they are asked for twice within a moment.
      expect(value, line).toMatch(/^(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN)$/i);
      samples.set(key!, Number(value));
    }
  }
  return samples;
}
