import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { extensionToSave, imageKey, imageStem, safeName } from './index.ts';

const image = { id: 'a-1', customerId: 'lab', createdAt: new Date('2026-01-01T23:30:00Z') };

describe('the date is that of the zone', () => {
  test.each([
    ['UTC', 'customer=lab/date=2026-01-01/a-1.png'],
    ['Europe/Berlin', 'customer=lab/date=2026-01-02/a-1.png'],
    ['America/New_York', 'customer=lab/date=2026-01-01/a-1.png'],
  ])('%s', (timeZone, path) => {
    expect(imageKey(image, 'image/png', { saveAs: 'original', timeZone })).toBe(path);
  });

  test('early years have four digits', () => {
    const early = { ...image, createdAt: new Date('0099-05-06T12:00:00Z') };
    expect(imageStem(early, { timeZone: 'UTC' })).toContain('date=0099-05-06');
    expect(imageStem(early, { timeZone: 'Asia/Tokyo' })).toContain('date=0099-05-06');
  });
});

describe('the extension is that of what is saved', () => {
  test.each([
    ['image/jpeg', 'original', 'jpg'],
    ['image/jpeg', 'png', 'png'],
    ['application/x-npy', 'original', 'png'],
    ['application/x-npy', 'npy', 'npy'],
    ['image/png', 'avif', 'avif'],
    ['text/plain', 'original', undefined],
  ] as const)('%s, saved as %s: %s', (mediaType, saveAs, extension) => {
    expect(extensionToSave(mediaType, { saveAs })).toBe(extension);
  });

  test('what is no image has no key', () => {
    expect(() => imageKey(image, 'text/plain', { saveAs: 'original', timeZone: 'UTC' })).toThrow(
      'images of type text/plain cannot be saved',
    );
  });
});

test.each([
  ['plain-Name_1.2', 'plain-Name_1.2'],
  ['../../etc/passwd', '%2E.%2F..%2Fetc%2Fpasswd'],
  ['..', '%2E%2E'],
  ['.', '%2E'],
  ['.hidden', '%2Ehidden'],
  ['trailing.', 'trailing%2E'],
  ['a\\b:c', 'a%5Cb%3Ac'],
  ['nul\0byte', 'nul%00byte'],
  ['CON', '%43ON'],
  ['lpt1.txt', '%6Cpt1.txt'],
  ['100%', '100%25'],
  ['\u00e9', '%C3%A9'],
  ['e\u0301', 'e%CC%81'],
  ['\u{1f600}', '%F0%9F%98%80'],
])('%j becomes %s', (id, name) => {
  expect(safeName(id)).toBe(name);
});

test('an overlong id keeps its beginning and stays itself', () => {
  const [one, other] = ['1', '2'].map((end) => safeName('x'.repeat(300) + end));
  expect(one).toMatch(/^x{135}~[0-9a-f]{64}$/);
  expect(one).not.toBe(other);
});

test('any id gives a safe name of its own', () => {
  const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 400 });
  fc.assert(
    fc.property(id, id, (one, other) => {
      expect(safeName(one)).toMatch(/^(?!\.)[A-Za-z0-9._%~-]{1,200}(?<!\.)$/);
      fc.pre(one !== other && Buffer.from(one).toString() !== Buffer.from(other).toString());
      expect(safeName(one)).not.toBe(safeName(other));
    }),
  );
});
