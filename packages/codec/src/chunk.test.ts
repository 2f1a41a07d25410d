import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteSource, chunkKey, decodePayload, decodeRecord, encodeImage, resolveLimits } from './index.ts';
import type { Chunk, Image, OutgoingRecord } from './index.ts';
import { recordBytes } from './record.ts';
import { collect, delivered } from './records.test-support.ts';

const identity = { id: 'scan-1', customerId: 'lab', createdAt: new Date('2026-11-24T03:04:05.678Z') };
const pngOf = (size: number, seed = 0): Buffer => {
  const bytes = Buffer.alloc(size, Buffer.from([seed, 1, 2, 3, 5, 7, 11]));
  bytes.set(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1').subarray(0, size));
  return bytes;
};
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function chunkOf(record: OutgoingRecord): Promise<Chunk> {
  const decoded = await decodeRecord(delivered(record));
  if (decoded.kind !== 'chunk') {
    throw new Error(`a ${decoded.kind}, not a chunk`);
  }
  return decoded.chunk;
}

function assemble(chunks: readonly Chunk[]): Buffer {
  const parts = new Map(chunks.map((chunk) => [chunk.index, chunk.bytes]));
  return Buffer.concat([...parts.keys()].toSorted((a, b) => a - b).map((index) => parts.get(index)!));
}

/** `toEqual` takes seconds for a megabyte. */
function expectFile(content: object, original: Buffer): void {
  const { bytes, ...rest } = content as { bytes: Uint8Array };
  expect(rest).toMatchObject({ mediaType: 'image/png' });
  expect(original.equals(bytes)).toBe(true);
}

test('a chunk travels under documented headers', async () => {
  const bytes = pngOf(3000);
  const image: Image = { ...identity, filename: 'a.png', content: { mediaType: 'image/png', bytes } };
  const records = await collect(encodeImage(image, { maxRecordBytes: 2000 }));
  expect(records.length).toBeGreaterThan(1);
  expect(records[1]).toMatchObject({
    key: 'scan-1',
    headers: {
      ce_specversion: '1.0',
      ce_type: 'image-stream.chunk.v1',
      ce_id: 'scan-1#chunk-1',
      ce_source: '/image-stream/producer',
      ce_time: '2026-11-24T03:04:05.678Z',
      ce_customerid: 'lab',
      ce_filename: 'a.png',
      ce_imageid: 'scan-1',
      ce_chunkindex: '1',
      ce_chunkcount: String(records.length),
      ce_payloadsize: '3000',
      ce_payloadsha256: sha256(bytes),
      ce_payloadtype: 'image/png',
      'content-type': 'application/octet-stream',
    },
  });
});

test('chunks leave 128 KiB for the headers of a dead letter', async () => {
  const image: Image = { ...identity, content: { mediaType: 'image/png', bytes: pngOf(5_000_000) } };
  const records = await collect(encodeImage(image, { maxRecordBytes: 1_048_588 }));
  const largest = Math.max(...records.map((one) => recordBytes(one.key, one.headers, one.value.length)));
  expect(1_048_588 - largest).toBeGreaterThanOrEqual(131_072);
  expect(1_048_588 - largest).toBeLessThan(131_072 + 100);
});

test('any size, any limit, any interleaving, with duplicates', async () => {
  const size = fc.integer({ min: 8, max: 8000 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ size, limit: fc.integer({ min: 2400, max: 12_000 }) }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.array(fc.nat(), { minLength: 50, maxLength: 50 }),
      async (wanted, order) => {
        const sent: OutgoingRecord[] = [];
        const seen = new Set<string>();
        const originals = new Map<string, Buffer>();
        for (const [index, one] of wanted.entries()) {
          const bytes = pngOf(one.size, index);
          originals.set(`image-${index}`, bytes);
          const image: Image = {
            ...identity,
            id: `image-${index}`,
            content: { mediaType: 'image/png', source: byteSource(bytes) },
          };
          for await (const record of encodeImage(image, { maxRecordBytes: one.limit })) {
            expect(recordBytes(record.key, record.headers, record.value.length)).toBeLessThanOrEqual(
              one.limit,
            );
            sent.push(record);
          }
        }
        const rank = new Map(sent.map((record, index) => [record, order[index % 50]!]));
        const copies = order.map((n) => sent[n % sent.length]!);
        const shuffled = [...sent, ...copies].toSorted((a, b) => rank.get(a)! - rank.get(b)!);
        const groups = new Map<string, Chunk[]>();
        for (const record of shuffled) {
          const decoded = await decodeRecord(delivered(record));
          if (decoded.kind === 'chunk') {
            groups.set(chunkKey(decoded.chunk), [
              ...(groups.get(chunkKey(decoded.chunk)) ?? []),
              decoded.chunk,
            ]);
          } else if (decoded.kind === 'image') {
            expectFile(decoded.image.content, originals.get(decoded.image.id)!);
            seen.add(decoded.image.id);
          }
        }
        for (const chunks of groups.values()) {
          const { id, count, size: bytes, sha256: hash, contentEncoding } = chunks[0]!;
          const payload = assemble(chunks);
          expect(new Set(chunks.map(({ index }) => index)).size).toBe(count);
          expect([payload.length, sha256(payload)]).toEqual([bytes, hash]);
          const content = await decodePayload(payload, contentEncoding, resolveLimits());
          expectFile(content, originals.get(id)!);
          seen.add(id);
        }
        expect(seen.size).toBe(wanted.length);
      },
    ),
    { numRuns: 40 },
  );
});

test('pixels are compressed as a whole, then cut', async () => {
  const data = createHash('shake256', { outputLength: 120 * 100 }).digest();
  const image: Image = { ...identity, content: { shape: [120, 100], dtype: 'uint8', data } };
  const records = await collect(encodeImage(image, { compression: 'gzip', maxRecordBytes: 3000 }));
  const chunks = await Promise.all(records.map(chunkOf));
  expect(chunks.length).toBeGreaterThan(1);
  expect(await decodePayload(assemble(chunks), chunks[0]!.contentEncoding, resolveLimits())).toEqual(
    image.content,
  );
});

describe('a file', () => {
  test('is read in pieces, never whole', async () => {
    const bytes = pngOf(3_000_000);
    let largest = 0;
    const source = {
      size: bytes.length,
      read: async (start: number, end: number) => {
        largest = Math.max(largest, end - start);
        return bytes.subarray(start, end);
      },
    };
    const image: Image = { ...identity, content: { mediaType: 'image/png', source } };
    const records = await collect(encodeImage(image, { maxRecordBytes: 500_000 }));
    expect(largest).toBeLessThanOrEqual(1024 ** 2);
    expect(assemble(await Promise.all(records.map(chunkOf))).equals(bytes)).toBe(true);
  });

  test('that changes while it travels is never whole at the other end', async () => {
    const bytes = pngOf(10_000);
    const source = byteSource(bytes);
    const image: Image = { ...identity, content: { mediaType: 'image/png', source, sha256: sha256(bytes) } };
    const records: OutgoingRecord[] = [];
    await expect(async () => {
      for await (const record of encodeImage(image, { maxRecordBytes: 4000 })) {
        records.push(record);
        bytes[9_999] = records.length;
      }
    }).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: expect.stringContaining('changed') as string,
    });
    expect(records.length).toBe((await chunkOf(records[0]!)).count - 1);
  });
});

describe('refused', () => {
  const record = async (): Promise<OutgoingRecord> => {
    const content = { mediaType: 'image/png', bytes: pngOf(10_000) };
    return (await collect(encodeImage({ ...identity, content }, { maxRecordBytes: 4000 })))[0]!;
  };

  test.each([
    ['no index', { ce_chunkindex: undefined }, 'MALFORMED_RECORD'],
    ['an index beyond the count', { ce_chunkindex: '70000' }, 'MALFORMED_RECORD'],
    ['a negative index', { ce_chunkindex: '-1' }, 'MALFORMED_RECORD'],
    ['a fraction', { ce_chunkindex: '0.5' }, 'MALFORMED_RECORD'],
    ['no chunks at all', { ce_chunkcount: '0' }, 'MALFORMED_RECORD'],
    ['too many chunks', { ce_chunkcount: '65537' }, 'LIMIT_EXCEEDED'],
    ['a size beyond the limit', { ce_payloadsize: '5000000000' }, 'LIMIT_EXCEEDED'],
    ['no size', { ce_payloadsize: undefined }, 'MALFORMED_RECORD'],
    ['no hash', { ce_payloadsha256: undefined }, 'MALFORMED_RECORD'],
    ['half a hash', { ce_payloadsha256: 'abc' }, 'MALFORMED_RECORD'],
    ['no image id', { ce_imageid: undefined }, 'MALFORMED_RECORD'],
    ['another version', { ce_specversion: '2.0' }, 'UNSUPPORTED'],
    ['an unknown content-encoding', { 'content-encoding': 'zstd' }, 'UNSUPPORTED'],
  ])('%s', async (_what, changed, code) => {
    const good = await record();
    const headers = { ...good.headers, ...changed } as Record<string, string>;
    for (const name of Object.keys(headers).filter((one) => headers[one] === undefined)) {
      delete headers[name];
    }
    await expect(decodeRecord(delivered({ ...good, headers }))).rejects.toMatchObject({
      name: 'CodecError',
      code,
    });
  });

  test('an image of too many chunks', async () => {
    const source = { size: 1e12, read: async () => pngOf(1) };
    const image: Image = { ...identity, content: { mediaType: 'image/png', source, sha256: 'a'.repeat(64) } };
    await expect(collect(encodeImage(image, { maxRecordBytes: 1_000_000 }))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });
});
