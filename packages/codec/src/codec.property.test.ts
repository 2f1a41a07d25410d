import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytesOf,
  CodecError,
  compressions,
  decodeRecord,
  encodeImage,
  isPixelArray,
  pixelArray,
} from './index.ts';
import type { Image } from './index.ts';
import { resolveLimits } from './limits.ts';
import { decodeNpy, encodeNpy } from './npy.ts';
import { recordBytes } from './record.ts';
import { collect, decodeImage, delivered, received } from './records.test-support.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1 });
const dimension = fc.integer({ min: 1, max: 20 });
const pixels = fc
  .tuple(
    fc.oneof(fc.tuple(dimension, dimension), fc.tuple(dimension, dimension, dimension)),
    fc.constantFrom('uint8', 'uint16'),
  )
  .chain(([shape, dtype]) => {
    const bytes = shape.reduce((product, n) => product * n, dtype === 'uint8' ? 1 : 2);
    return fc
      .uint8Array({ minLength: bytes, maxLength: bytes })
      .map((data) => pixelArray(shape, dtype as 'uint8', data));
  });
const image = fc.record({
  id: text,
  customerId: text,
  createdAt: fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
  content: pixels,
});

describe('what is encoded decodes to itself', () => {
  test('as a CloudEvent', async () => {
    await fc.assert(
      fc.asyncProperty(image, fc.constantFrom(...compressions), async (original, compression) => {
        const [record] = await collect(encodeImage(original, { compression }));
        expectSame(await decodeImage(delivered(record!)), original);
      }),
    );
  });

  test('as JSON of the Python application', async () => {
    const eightBit = image.filter(({ content }) => content.dtype === 'uint8');
    await fc.assert(
      fc.asyncProperty(eightBit, async (original) => {
        const [record] = await collect(encodeImage(original, { format: 'python-json' }));
        expectSame(await decodeImage(delivered(record!)), original);
      }),
    );
  });

  test('as NPY', () => {
    fc.assert(
      fc.property(pixels, (original) => {
        const decoded = decodeNpy(encodeNpy(original), resolveLimits());
        expect(decoded.shape).toEqual(original.shape);
        expect(bytesOf(decoded)).toEqual(bytesOf(original));
      }),
    );
  });
});

test('the announced size of a record is never too small', async () => {
  await fc.assert(
    fc.asyncProperty(image, async (original) => {
      for await (const record of encodeImage(original)) {
        const parts = [record.key, record.value, ...Object.entries(record.headers).flat()];
        expect(recordBytes(record.key, record.headers, record.value.length)).toBeGreaterThan(
          parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0),
        );
      }
    }),
  );
});

const runs = Number(process.env['FUZZ_RUNS'] ?? 2_000);

describe('whatever arrives, only documented errors escape', { timeout: 10_000 + 10 * runs }, () => {
  const limits = { maxImageBytes: 1e6, maxImagePixels: 1e6 };

  test('random records', async () => {
    const headerValue = fc.oneof(
      fc.string(),
      fc.constantFrom('1.0', 'gzip', 'br', 'deflate', 'application/cloudevents+json'),
      fc.uint8Array(),
      fc.constant(null),
    );
    const headers = fc.dictionary(
      fc.constantFrom(
        'ce_specversion',
        'ce_type',
        'ce_id',
        'ce_source',
        'ce_time',
        'content-type',
        'content-encoding',
        '__proto__',
      ),
      fc.oneof(headerValue, fc.array(headerValue, { maxLength: 3 })),
    );
    const value = fc.oneof(
      fc.uint8Array({ maxLength: 500 }),
      fc.json().map((json) => Buffer.from(json)),
      fc.constant(null),
    );
    await fc.assert(
      fc.asyncProperty(headers, value, fc.option(fc.uint8Array()), async (names, bytes, key) => {
        await decodeOrDocumentedError(received({ headers: names, value: bytes, key }));
      }),
      { numRuns: runs },
    );
  });

  test('valid records with bytes changed, removed or repeated', async () => {
    const options = fc.oneof(
      fc.record({ compression: fc.constantFrom(...compressions) }),
      fc.constant({ format: 'python-json' } as const),
    );
    const eightBit = image.filter(({ content }) => content.dtype === 'uint8');
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('set', 'cut', 'repeat')), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(
        eightBit,
        options,
        edits,
        fc.boolean(),
        async (original, option, changes, keepHash) => {
          const [record] = await collect(encodeImage(original, option));
          let value = Buffer.from(record!.value);
          for (const [position, byte, kind] of changes) {
            value = edit(value, position % (value.length + 1), byte, kind);
          }
          const { ce_payloadsize: _size, ce_payloadsha256: _hash, ...unchecked } = record!.headers;
          const headers = keepHash ? record!.headers : unchecked;
          await decodeOrDocumentedError(delivered({ ...record!, headers, value }));
        },
      ),
      { numRuns: runs },
    );
  });

  async function decodeOrDocumentedError(record: Parameters<typeof decodeRecord>[0]): Promise<void> {
    try {
      await decodeRecord(record, limits);
    } catch (error) {
      expect(error).toBeInstanceOf(CodecError);
    }
  }

  function edit(value: Buffer<ArrayBuffer>, at: number, byte: number, kind: string): Buffer<ArrayBuffer> {
    if (kind === 'set') {
      value[at] = byte;
      return value;
    }
    return kind === 'cut' ? value.subarray(0, at) : Buffer.concat([value, value.subarray(at)]);
  }
});

function expectSame(decoded: Image, original: Image): void {
  expect({ ...decoded, content: undefined, source: undefined }).toEqual({
    ...original,
    content: undefined,
    source: undefined,
  });
  expect(isPixelArray(decoded.content) && isPixelArray(original.content)).toBe(true);
  if (isPixelArray(decoded.content) && isPixelArray(original.content)) {
    expect(decoded.content.shape).toEqual(original.content.shape);
    expect(bytesOf(decoded.content)).toEqual(bytesOf(original.content));
  }
}
