import { encodeNpy, pixelArray } from '@image-stream/codec';
import { expect, test } from 'vitest';
import { roomOf } from './room.ts';

const png = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const npy = encodeNpy(pixelArray([2, 2], 'uint8', new Uint8Array(4)));
const options = { saveAs: 'original', resize: undefined, budgetBytes: 1000, atOnce: 4 } as const;

test.each([
  ['an image file takes its bytes', options, 10, png, 10],
  ['one in chunks, too', options, 10, undefined, 10],
  ['pixels take a share', options, 10, npy, 250],
  ['a message does', options, 10, Buffer.from('{}'), 250],
  ['what takes more does', options, 300, npy, 300],
  ['nothing at all does', options, 0, null, 250],
  ['a file that becomes another does', { ...options, saveAs: 'webp' }, 10, png, 250],
  ['one in chunks, too, that is shrunk', { ...options, resize: { width: 1, height: 1 } }, 10, undefined, 250],
] as const)('%s', (_what, given, bytes, value, room) => {
  expect(roomOf(given)(bytes, value)).toBe(room);
});
