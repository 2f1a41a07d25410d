import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeImage } from '@image-stream/codec';
import type { OutgoingRecord } from '@image-stream/codec';
import { describe, expect, test } from 'vitest';
import { filesIn } from './files.test-support.ts';
import { send } from './kafka.test-support.ts';
import { anotherReader, consumerArgs, expectLedger, openLedger, paintFiles } from './ledger.test-support.ts';
import type { Ledger } from './ledger.test-support.ts';
import { fileFaults, start, succeed } from './programs.test-support.ts';

/** So that the next one takes over from a killed consumer within a second. */
const impatient = ['-X', 'session.timeout.ms=1000', '-X', 'heartbeat.interval.ms=200'];

/** How many steps at once. */
const lanes = 3;

/** Every day each third step; with `test:faults`, all of them. */
const stride = process.env['FAULT_ROUNDS'] === undefined ? 3 : 1;

describe('kill -9 the consumer at the steps that saving takes on the file system', () => {
  test.each([
    { name: 'an image in one record', maxRecordBytes: 1_000_000, least: 20 },
    { name: 'an image in chunks', maxRecordBytes: 10_000, least: 30 },
  ])('$name', { timeout: 300_000 }, async ({ maxRecordBytes, least }) => {
    let step = 1 - stride;
    let killed = 0;
    let isOver = false;
    const sent = await openLedger();
    await paintFiles(sent.folder, 1, 60);
    await send(sent.topic, ...(await recordsOf(sent.folder, maxRecordBytes)));
    const runLane = async (): Promise<void> => {
      while (!isOver) {
        step += stride;
        const ledger = anotherReader(sent);
        const isKilled = await killAt(step, ledger);
        killed += isKilled ? 1 : 0;
        isOver ||= !isKilled;
        await succeed('consumer', [...consumerArgs(ledger), ...impatient, '--exit-at-end']);
        await expectLedger(ledger);
      }
    };
    await Promise.all(Array.from({ length: lanes }, runLane));
    expect(killed).toBeGreaterThan(Math.floor(least / stride));
  });
});

async function recordsOf(folder: string, maxRecordBytes: number): Promise<OutgoingRecord[]> {
  const bytes = readFileSync(join(folder, filesIn(folder)[0]!));
  const content = { mediaType: 'image/png', bytes };
  const image = { id: 'noise', customerId: 'lab', createdAt: new Date(0), content };
  const records = [];
  for await (const record of encodeImage(image, { maxRecordBytes })) {
    records.push(record);
  }
  return records;
}

/** @returns false where the consumer came to its end before that step */
async function killAt(step: number, ledger: Ledger): Promise<boolean> {
  const args = [...consumerArgs(ledger), ...impatient, '--exit-at-end'];
  const faults = fileFaults(ledger.output, { FAULT_KILL_AT: String(step) });
  const { process: child, ended } = start('consumer', args, faults);
  const { exitCode, stderr } = await ended;
  if (exitCode === 0) {
    return false;
  }
  expect({ signal: child.signalCode, stderr }).toMatchObject({ signal: 'SIGKILL' });
  return true;
}
