import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createTopicReader } from '@image-stream/kafka-client';
import kafkajs from 'kafkajs';
import type { IHeaders, Message } from 'kafkajs';
import sharp from 'sharp';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createTopics, send, withAdmin } from './kafka.test-support.ts';
import { consumerArgs, lag, openLedger, recordsIn } from './ledger.test-support.ts';
import { bootstrapServers, start, summaryOf } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';

/** What comes follows from it. */
const seed = process.env['FUZZ_SEED'] ?? 'any record';

/** `pnpm test:faults --records N` sends more. */
const batches = Math.ceil(Number(process.env['FUZZ_RECORDS'] ?? '3000') / 1000);
const batchRecords = 40;
const timeout = 120_000 + 20_000 * batches;

type Value = Buffer | null;

const notUtf8 = Buffer.of(0xc3, 0x28, 0xff);
const megabyte = Buffer.alloc(1_000_000, 'megabyte ');
const image = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'teal' } })
  .png()
  .toBuffer();
const structured = JSON.stringify({
  ...{ specversion: '1.0', type: 't', id: 'structured', source: '/s', time: null },
  data_base64: image.toString('base64').replaceAll(/.{76}/g, '$&\r\n'),
});

const keys: Value[] = [null, ...['', 'camera', '../up', '\0'].map((one) => Buffer.from(one)), notUtf8];
const values: Value[] = [
  ...[null, Buffer.alloc(0), Buffer.from('text'), notUtf8, Buffer.from('{'), Buffer.from('\uFEFF')],
  ...[
    image,
    image,
    image,
    image.subarray(0, 40),
    Buffer.from(structured),
    Buffer.from(`\uFEFF${structured}`),
  ],
];
const names = [
  ...['specversion', 'type', 'id', 'source', 'time', 'customerid', 'filename', 'payloadsize'].map(
    (name) => `ce_${name}`,
  ),
  ...['ce_payloadsha256', 'ce_imageid', 'ce_chunkindex', 'ce_chunkcount', 'ce_payloadtype'],
  ...['content-type', 'content-encoding', 'customer_id', '__proto__', 'constructor', '', 'a\0\n', 'ü', '7'],
  ...['topic', 'partition', 'offset', 'exception.class.name', 'exception.message'].map(
    (name) => `__connect.errors.${name}`,
  ),
];
const headerValues: Value[] = [
  ...[null, null, null, notUtf8, megabyte],
  ...['', '1.0', 'image-stream.image.v1', 'image-stream.chunk.v1', '/s', '0', '1', 'gzip', '__proto__'].map(
    (one) => Buffer.from(one),
  ),
  ...['2026-01-02T03:04:05Z', '2026-02-30T00:00:00Z', 'application/cloudevents+json'].map((one) =>
    Buffer.from(one),
  ),
];
const now = Date.now();
/** None, and times before, around and after all those that a date can show. */
const timestamps = [
  ...['-1', '0', '1', String(now), String(now * 1000), '253402300799999', '253402300800000'],
  ...['8640000000000001', '9223372036854775807'],
];

/** Numbers that follow from the seed. */
function createDice() {
  let thrown = 0;
  const below = (count: number): number => {
    thrown += 1;
    return createHash('sha256').update(`${seed} ${thrown}`).digest().readUInt32BE() % count;
  };
  return { below, of: <T>(choices: readonly T[]): T => choices[below(choices.length)]! };
}

type Dice = ReturnType<typeof createDice>;

function anyRecord(dice: Dice): Message {
  const event = { ce_specversion: '1.0', ce_type: 't', ce_id: `${dice.below(1e9)}`, ce_source: '/s' };
  const headers: Record<string, unknown> = dice.below(2) === 0 ? event : {};
  for (let count = dice.below(6); count > 0; count--) {
    const repeats = dice.below(4);
    const value = repeats < 2 ? dice.of(headerValues) : [1, 2, 3].map(() => dice.of(headerValues));
    Object.defineProperty(headers, dice.of(names), { value, enumerable: true, configurable: true });
  }
  return {
    ...{ key: dice.of(keys), value: dice.of(values), timestamp: dice.of(timestamps) },
    headers: headers as IHeaders,
  };
}

/** A topic whose records may have any timestamp. */
async function allowAnyTime(topic: string): Promise<void> {
  const configEntries = ['message.timestamp.after.max.ms', 'message.timestamp.before.max.ms'].map((name) => ({
    name,
    value: '9223372036854775807',
  }));
  const all = [...configEntries, { name: 'retention.ms', value: '-1' }];
  const limit = { name: 'max.message.bytes', value: '20000000' };
  await withAdmin(async (admin) => {
    const exists = (await admin.listTopics()).includes(topic);
    const entries = [...all, limit];
    await (exists
      ? admin.alterConfigs({
          validateOnly: false,
          resources: [{ type: 2, name: topic, configEntries: entries }],
        })
      : createTopics(admin, { topic, configEntries: entries }));
  });
}

function assertRunning({ process: child, log }: Running): void {
  expect(child.exitCode, log()).toBeNull();
}

test(
  'whatever records hold, what follows them is saved and shown, and dead letters are as they came',
  { timeout },
  async () => {
    const ledger = await openLedger();
    const { topic, output } = ledger;
    const letterTopic = `${topic}.dead-letter`;
    await allowAnyTime(topic);
    await allowAnyTime(letterTopic);
    const consumer = start('consumer', [...consumerArgs(ledger), '--max-bad-records', '0', '--json']);
    const gallery = start('gallery', ['-t', topic, '--port', '0']);
    onTestFinished(async () => {
      consumer.process.kill();
      gallery.process.kill();
      await gallery.ended;
    });
    await vi.waitUntil(() => gallery.log().includes('http://'), { timeout });
    const url = /http:\/\/\S+/.exec(gallery.log())![0];

    const dice = createDice();
    const sent: Message[] = [];
    for (let batch = 0; batch < batches; batch++) {
      const id = `good-${batch}`;
      const headers = {
        ce_specversion: '1.0',
        ce_type: 't',
        ce_id: id,
        ce_source: '/s',
        ce_customerid: 'good',
      };
      const good = {
        key: id,
        value: image,
        timestamp: String(now),
        headers: { ...headers, ce_time: '2026-01-02T03:04:05Z' },
      };
      const records = [...Array.from({ length: batchRecords }, () => anyRecord(dice)), good];
      await send(topic, ...records);
      sent.push(...records);
      const file = join(output, 'customer=good', 'date=2026-01-02', `${id}.png`);
      await vi.waitUntil(() => existsSync(file) || consumer.process.exitCode !== null, { timeout: 60_000 });
      assertRunning(consumer);
      expect(existsSync(file)).toBe(true);
      // The gallery shows each of them, however strange, and the good one with its picture.
      const first = sent.length - records.length;
      for (let offset = first; offset < sent.length; offset++) {
        const response = await fetch(new URL(`/images/0/${offset}/details`, url));
        expect([offset, response.status]).toEqual([offset, 200]);
        await response.text();
      }
      const picture = await fetch(new URL(`/images/0/${sent.length - 1}/thumbnail`, url));
      expect(picture.status).toBe(200);
      // Of what comes at once, the live view shows a sample; of a place, all.
      const place = await fetch(new URL(`/images?from=0@${sent.length - 1}`, url));
      expect(await place.text()).toContain(id);
      assertRunning(gallery);
      // Its record's timestamp may be older than those of strangers, so all are looked at.
      const peek = await start('consumer', ['peek', '-t', topic, '-n', String(sent.length), '--json']).ended;
      expect(peek).toMatchObject({ exitCode: 0, stderr: '' });
      expect(peek.stdout).toContain(`"${id}"`);
    }

    await vi.waitUntil(async () => (await lag(ledger)) === 0, { timeout: 60_000, interval: 500 });
    consumer.process.kill('SIGTERM');
    const { exitCode, stdout, stderr } = await consumer.ended;
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
    const { images, skipped, failed, deadLettered } = summaryOf(stdout);
    console.log(
      `seed ${seed}: ${images} saved, ${skipped} there already, ${deadLettered} bad of ${sent.length}`,
    );
    expect(failed).toBe(0);
    const withValue = sent.filter(({ value }) => value !== null).length;
    expect(images + skipped + deadLettered).toBeGreaterThanOrEqual(withValue);
    expect(await recordsIn(letterTopic)).toBe(deadLettered);
    await expectAsTheyCame(letterTopic, deadLettered, sent);

    const verified = await start('consumer', ['verify', '-t', topic, '-o', output, '--json']).ended;
    expect(verified).toMatchObject({ exitCode: 0 });
  },
);

/** Each is what was sent at the offset that it names, with more headers. */
async function expectAsTheyCame(topic: string, count: number, sent: readonly Message[]): Promise<void> {
  // Not with kafkajs's consumer, which takes a header named __proto__ for something else.
  const reader = await createTopicReader(
    new kafkajs.Kafka({ brokers: [bootstrapServers], logLevel: 0 }),
    topic,
  );
  onTestFinished(() => reader.close());
  for await (const { key, value, headers } of reader.range(0, 0n, BigInt(count))) {
    const offset = Number(String(headers['__connect.errors.offset']));
    const original = sent[offset]!;
    expect({ offset, key, value }).toEqual({ offset, key: original.key, value: original.value });
    const own = Object.entries(original.headers!).filter(([name]) => !name.startsWith('__connect.'));
    const arrived = own.map(([name]) => [name, headers[name]]);
    expect(shown(arrived)).toEqual(shown(own));
  }
}

/** With hashes in place of bytes: nobody reads a difference of a megabyte. */
function shown(entries: readonly (readonly unknown[])[]): unknown[] {
  const hashOf = (one: unknown) =>
    one === null
      ? null
      : createHash('sha256')
          .update(Buffer.from(one as Buffer))
          .digest('hex');
  return entries.map(([name, value]) => [name, Array.isArray(value) ? value.map(hashOf) : hashOf(value)]);
}
