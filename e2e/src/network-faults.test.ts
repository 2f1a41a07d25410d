import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startKafka } from '@image-stream/local-kafka';
import type { KafkaCluster } from '@image-stream/local-kafka';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { ends } from './kafka.test-support.ts';
import { consumerArgs, expectLedger, openLedger, paintFiles, sendFiles } from './ledger.test-support.ts';
import { start, succeed, summaryOf } from './programs.test-support.ts';
import { fetchKey, produceKey, startProxy } from './proxy.test-support.ts';
import type { Frame, Proxy } from './proxy.test-support.ts';

/** More than what comes with a request for records, less than the records. */
const largeBytes = 20_000;

let kafka: KafkaCluster;
let proxy: Proxy;

beforeAll(async () => {
  proxy = await startProxy();
  kafka = await startKafka({ advertisedPorts: [proxy.port] });
  proxy.serve(kafka.brokers[0]!.port);
  return async () => {
    proxy.close();
    await kafka.stop();
  };
});

beforeEach(() => proxy.setFate(() => true));

test.each([
  { name: 'a large image', side: 160, every: 5 },
  { name: 'several small images', side: 32, every: 2 },
])(
  'an acknowledgement of $name that is lost has them sent again, and saved once',
  async ({ side, every }) => {
    const ledger = await openLedger(2, undefined, kafka.bootstrapServers);
    await paintFiles(ledger.folder, 20, side);
    let lost = 0;
    let answers = 0;
    proxy.setFate(({ kind, apiKey }) => {
      if (kind === 'response' && apiKey === produceKey) {
        answers += 1;
        lost += answers % every === 0 ? 1 : 0;
        return answers % every !== 0;
      }
      return true;
    });
    await sendFiles(ledger);
    expect(lost).toBeGreaterThan(0);
    const records = await ends(ledger.topic, ledger.servers);
    expect(records).toBeGreaterThan(20);
    const saved = await succeed('consumer', [...consumerArgs(ledger), '--exit-at-end']);
    expect(saved).toMatchObject({ images: 20, skipped: records - 20 });
    await expectLedger(ledger);
  },
);

test('records that are damaged on their way from the broker are fetched again', async () => {
  const ledger = await openLedger(1, undefined, kafka.bootstrapServers);
  await paintFiles(ledger.folder, 5, 128);
  await sendFiles(ledger);
  const flips = flipOnce('response', fetchKey);
  const saved = await succeed('consumer', [...consumerArgs(ledger), '--exit-at-end']);
  expect(flips()).toBe(1);
  expect(saved).toMatchObject({ images: 5, deadLettered: 0 });
  await expectLedger(ledger);
});

test('records that are damaged on their way to the broker are refused by it, and sent again', async () => {
  const ledger = await openLedger(1, undefined, kafka.bootstrapServers);
  await paintFiles(ledger.folder, 5, 128);
  const flips = flipOnce('request', produceKey);
  await sendFiles(ledger);
  expect(flips()).toBe(1);
  expect(await ends(ledger.topic, ledger.servers)).toBe(5);
  await succeed('consumer', [...consumerArgs(ledger), '--exit-at-end']);
  await expectLedger(ledger);
});

test('an outage longer than delivery.timeout.ms delays the files of a watched folder', async () => {
  const ledger = await openLedger(1, undefined, kafka.bootstrapServers);
  await paintFiles(ledger.folder, 3);
  let isAway = true;
  proxy.setFate(({ kind, apiKey }) => !(isAway && kind === 'request' && apiKey === produceKey));
  const timeouts = ['-rt', '1000', '-X', 'delivery.timeout.ms=1500'];
  const to = ['-bs', kafka.bootstrapServers, '-t', ledger.topic];
  const note = join(ledger.folder, '..', 'note');
  const watch = ['--watch', '--state-file', note];
  const program = start('producer', [ledger.folder, ...watch, ...to, ...timeouts, '--json']);
  const givenUp =
    /was not sent, and will be tried again: it was not acknowledged within delivery\.timeout\.ms/g;
  await expect.poll(() => program.log().match(givenUp)?.length, { timeout: 20_000 }).toBeGreaterThan(3);
  isAway = false;
  // Not what is in the topic: a record may get there after it was given up.
  await expect.poll(() => readFileSync(note, 'utf8').match(/\n/g)?.length, { timeout: 20_000 }).toBe(3);
  program.process.kill('SIGTERM');
  const { exitCode, stdout } = await program.ended;
  expect(exitCode).toBe(0);
  expect(summaryOf(stdout)).toMatchObject({ images: 3, failed: 0 });
});

/** Changes one bit of the first large frame, in the middle of it, where the records are. @returns how many were changed */
function flipOnce(kind: Frame['kind'], apiKey: number): () => number {
  let flips = 0;
  proxy.setFate((frame) => {
    if (flips === 0 && frame.kind === kind && frame.apiKey === apiKey && frame.bytes.length > largeBytes) {
      frame.bytes[Math.floor(frame.bytes.length / 2)]! ^= 1;
      flips += 1;
    }
    return true;
  });
  return () => flips;
}
