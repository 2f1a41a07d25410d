import { expect, test } from 'vitest';
import { mediaTypeBytes, sniffMediaType } from './index.ts';

const ftyp = (...brands: string[]): Buffer => {
  const file = Buffer.from(`\0\0\0\0ftyp${brands[0]}\0\0\0\0${brands.slice(1).join('')}mdat`, 'latin1');
  file.writeUInt32BE(file.length - 4);
  return file;
};

test.each([
  ['the first', ['avif', 'mif1'], 'image/avif'],
  ['the first, of a sequence', ['avis', 'msf1'], 'image/avif'],
  ['another one', ['mif1', 'miaf', 'avif'], 'image/avif'],
  ['another one, of a sequence', ['msf1', 'avis'], 'image/avif'],
  ['the last that is looked at', ['mif1', ...Array.from({ length: 59 }, () => 'miaf'), 'avif'], 'image/avif'],
  ['none', ['heic', 'mif1', 'heix'], undefined],
])('AVIF is known by its brand: %s', (_what, brands, mediaType) => {
  expect(sniffMediaType(ftyp(...brands).subarray(0, mediaTypeBytes))).toBe(mediaType);
});

test('a brand that is not on one of the places for brands is none', () => {
  expect(sniffMediaType(ftyp('mif1', 'mi', 'avif', 'af'))).toBeUndefined();
  expect(sniffMediaType(Buffer.concat([ftyp('mif1'), Buffer.from('avif')]))).toBeUndefined();
});
