import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { receive, send } from './kafka.test-support.ts';
import { consumerArgs, finishedFiles, lag, openLedger, recordsIn, sha256Of } from './ledger.test-support.ts';
import { start, succeed } from './programs.test-support.ts';

/** Distinct ids that mean something to a file system, a shell, a protocol or a language, or look alike. */
const naughty = [
  ...[
    '.',
    '..',
    '...',
    '../escape',
    '../../../../escape',
    '/etc/passwd',
    './a',
    '.hidden',
    'trailing.',
    '.tmp',
  ],
  ...[
    'a/b',
    String.raw`a\b`,
    String.raw`..\..\escape`,
    '%2F',
    '%2e%2e%2fescape',
    '%',
    '~',
    '-rf',
    '$(id)',
    '`id`',
  ],
  ...[
    '\0',
    'a\0b',
    'a\0',
    '\t',
    '\n',
    'a\r\nb',
    ' ',
    'a ',
    ' a',
    '\u007F',
    '\u001B[31m',
    '*?<>|":',
    "'; DROP",
  ],
  ...[
    'CON',
    'con',
    'con.png',
    'NUL.tar.gz',
    'aux ',
    'LPT1',
    'COM9.txt',
    '__proto__',
    'constructor',
    'null',
    '0',
  ],
  ...[
    'caf\u00E9',
    'cafe\u0301',
    '\u{1F600}',
    '\u{1F468}\u200D\u{1F467}',
    '\u202Etxt',
    'a',
    '\uFEFFa',
    'a\u200B',
    'A',
  ],
  ...[
    '\u0131',
    '\u0130',
    '\u00DF',
    '\u1E9E',
    '\uFB03',
    '\uFF0E\uFF0E\uFF0Fescape',
    '\u2215',
    '\uFFFD',
    '\uFFFE',
  ],
  ...[
    'x'.repeat(300),
    `${'x'.repeat(299)}y`,
    '\u00E9'.repeat(300),
    '.'.repeat(300),
    '/'.repeat(300),
    'y'.repeat(60_000),
  ],
];

/** What is no id at all. */
const unusable = [
  Buffer.alloc(0),
  Buffer.from([0xff]),
  // A slash and a half of a character in encodings that UTF-8 forbids.
  Buffer.from([0xc0, 0xaf]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.alloc(70_000, 'z'),
];

let painted = 0;

/** A picture that no other one is like. */
function picture(): Promise<Buffer> {
  painted += 1;
  const background = { r: painted % 256, g: Math.floor(painted / 256), b: 0 };
  return sharp({ create: { width: 8, height: 8, channels: 3, background } })
    .png()
    .toBuffer();
}

async function eventOf(id: string | Buffer, customer: string | Buffer, value?: Buffer) {
  return {
    key: 'any',
    value: value ?? (await picture()),
    headers: {
      ...{
        ce_specversion: '1.0',
        ce_type: 'image-stream.image.v1',
        ce_source: '/test',
        ce_time: '2026-01-02T03:04:05Z',
      },
      ...{ ce_id: id, ce_customerid: customer, 'content-type': 'image/png' },
    },
  };
}

test('whatever ids a stranger chooses, each has a file of its own within the output, or is a dead letter', async () => {
  const ledger = await openLedger();
  const home = dirname(ledger.output);
  // What would be written there would be found there.
  const outside = temporaryFolder();
  const ids = [...naughty, `${outside}/a`, `../../../../${basename(outside)}/b`];
  const good = [];
  const bad = [];
  for (const [index, id] of ids.entries()) {
    good.push(await eventOf(id, 'lab'), await eventOf(`image-${index}`, id));
  }
  for (const [index, id] of unusable.entries()) {
    bad.push(await eventOf(id, 'lab'), await eventOf(`unusable-${index}`, id));
  }
  await send(ledger.topic, ...bad, ...good);
  const summary = await succeed('consumer', [...consumerArgs(ledger), '--exit-at-end']);
  expect(summary).toMatchObject({ images: good.length, deadLettered: bad.length, failed: 0 });

  const files = finishedFiles(ledger.output);
  const safe = /^customer=[\w.%~-]{1,200}\/date=2026-01-02\/[\w.%~-]{1,200}\.png$/;
  expect(files.filter((file) => !safe.test(file))).toEqual([]);
  expect(files.map((file) => sha256Of(join(ledger.output, file))).toSorted()).toEqual(
    good.map(({ value }) => sha256Of(value)).toSorted(),
  );
  // Each id was a customer's as well, and there is the lab.
  expect(new Set(files.map((file) => file.split('/')[0])).size).toBe(ids.length + 1);
  expect(filesIn(home)).toEqual(files.map((file) => join('output', file)).toSorted());
  expect(readdirSync(outside)).toEqual([]);
  const letters = await receive(`${ledger.topic}.dead-letter`, bad.length);
  expect(letters.map(({ value }) => sha256Of(value!)).toSorted()).toEqual(
    bad.map(({ value }) => sha256Of(value)).toSorted(),
  );
  expect(await lag(ledger)).toBe(0);
});

describe('a symbolic link that was planted in the output', () => {
  test('is not followed: what belongs behind it becomes a dead letter', async () => {
    const ledger = await openLedger();
    const outside = temporaryFolder();
    const value = await picture();
    const secret = join(outside, 'secret.png');
    // Following the link, one would find the very image that comes.
    writeFileSync(secret, value);
    const day = 'date=2026-01-02';
    for (const customer of ['linked-day', 'linked-file']) {
      mkdirSync(join(ledger.output, `customer=${customer}`), { recursive: true });
    }
    mkdirSync(join(ledger.output, 'customer=linked-file', day));
    symlinkSync(outside, join(ledger.output, 'customer=linked'));
    symlinkSync(outside, join(ledger.output, 'customer=linked-day', day));
    symlinkSync(secret, join(ledger.output, 'customer=linked-file', day, 'image.png'));
    const linked = ['linked', 'linked-day', 'linked-file'];
    for (const customer of [...linked, 'lab']) {
      await send(ledger.topic, await eventOf('image', customer, value));
    }
    const summary = await succeed('consumer', [...consumerArgs(ledger), '--exit-at-end']);
    expect(summary).toMatchObject({ images: 1, skipped: 0, deadLettered: linked.length, failed: 0 });
    expect(filesIn(ledger.output)).toEqual([`customer=lab/${day}/image.png`]);
    expect(readdirSync(outside)).toEqual(['secret.png']);
    expect(readFileSync(secret)).toEqual(value);
    for (const { headers } of await receive(`${ledger.topic}.dead-letter`, linked.length)) {
      expect(String(headers['__connect.errors.exception.class.name'])).toContain('UNSAFE_PATH');
    }
    expect(await recordsIn(`${ledger.topic}.dead-letter`)).toBe(linked.length);
    expect(await lag(ledger)).toBe(0);
  });

  test('in place of its folder for unfinished files is refused at once', async () => {
    const ledger = await openLedger();
    const outside = temporaryFolder();
    mkdirSync(ledger.output);
    symlinkSync(outside, join(ledger.output, '.tmp'));
    const ended = await start('consumer', consumerArgs(ledger)).ended;
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toMatch(/^consumer: [^\n]*\.tmp is not a plain folder; remove it\n$/);
    expect(readdirSync(outside)).toEqual([]);
  });
});
