import { describe, expect, test } from 'vitest';
import { resolveLimits } from './limits.ts';
import { decodeNpy, encodeNpy } from './npy.ts';

const limits = resolveLimits();

/** A file as NumPy writes it, from its parts. */
function npy(header: string, data: Uint8Array, version: 1 | 2 | 3 = 1): Buffer {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(header.length, 0, length.length);
  return Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.of(version, 0),
    length,
    Buffer.from(header, 'latin1'),
    data,
  ]);
}

test('the file is the one that NumPy writes', () => {
  // numpy.save of numpy.arange(6, dtype='uint8').reshape(2, 3)
  const expected = npy(
    `{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }${' '.repeat(58)}\n`,
    Uint8Array.of(0, 1, 2, 3, 4, 5),
  );
  expect(encodeNpy({ shape: [2, 3], dtype: 'uint8', data: Uint8Array.of(0, 1, 2, 3, 4, 5) })).toEqual(
    expected,
  );
  expect(expected.length - 6).toBe(128);
});

describe('arrays that NumPy can write', () => {
  const values = [1, 2, 3, 4, 5, 6];
  const big = Buffer.from(Uint16Array.from(values).buffer).swap16();
  const little = Buffer.from(Uint16Array.from(values).buffer);
  const columnMajor = Uint8Array.of(1, 4, 2, 5, 3, 6);

  test.each([
    [
      'version 1',
      npy(`{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n`, Uint8Array.from(values)),
    ],
    [
      'version 2',
      npy(`{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n`, Uint8Array.from(values), 2),
    ],
    [
      'version 3',
      npy(`{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n`, Uint8Array.from(values), 3),
    ],
    [
      'Python 2 lengths',
      npy(`{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 3L), }\n`, Uint8Array.from(values)),
    ],
    ['little-endian', npy(`{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), }\n`, little)],
    ['big-endian', npy(`{'descr': '>u2', 'fortran_order': False, 'shape': (2, 3), }\n`, big)],
    ['unaligned', npy(`{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), } \n`, little)],
    ['Fortran order', npy(`{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n`, columnMajor)],
  ])('%s', (_name, file) => {
    const pixels = decodeNpy(file, limits);
    expect(pixels.shape).toEqual([2, 3]);
    expect([...pixels.data]).toEqual(values);
  });

  test('Fortran order with channels', () => {
    // numpy.asfortranarray(numpy.arange(12, dtype='uint8').reshape(2, 3, 2))
    const data = Uint8Array.of(0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11);
    const file = npy(`{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }\n`, data);
    expect([...decodeNpy(file, limits).data]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });
});

test.each([
  ['floats', `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, 'UNSUPPORTED'],
  ['objects', `{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }`, 'UNSUPPORTED'],
  ['one dimension', `{'descr': '|u1', 'fortran_order': False, 'shape': (6,), }`, 'UNSUPPORTED'],
  ['four dimensions', `{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 2, 3), }`, 'UNSUPPORTED'],
  ['an empty dimension', `{'descr': '|u1', 'fortran_order': False, 'shape': (0, 3), }`, 'UNSUPPORTED'],
  ['records', `{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (2, 3), }`, 'MALFORMED_RECORD'],
  ['no shape', `{'descr': '|u1', 'fortran_order': False, }`, 'MALFORMED_RECORD'],
  [
    'too many pixels',
    `{'descr': '|u1', 'fortran_order': False, 'shape': (9999999999, 9999999999), }`,
    'LIMIT_EXCEEDED',
  ],
  [
    'too many bytes',
    `{'descr': '|u1', 'fortran_order': False, 'shape': (16383, 16383, 5), }`,
    'LIMIT_EXCEEDED',
  ],
  ['missing data', `{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4), }`, 'CORRUPT_PAYLOAD'],
  ['surplus data', `{'descr': '|u1', 'fortran_order': False, 'shape': (1, 3), }`, 'CORRUPT_PAYLOAD'],
])('refuses %s', (_name, header, code) => {
  expect(() => decodeNpy(npy(header, new Uint8Array(6)), limits)).toThrow(expect.objectContaining({ code }));
});
