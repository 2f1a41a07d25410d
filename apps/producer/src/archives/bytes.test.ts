import { randomBytes } from 'node:crypto';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { byteSource } from '@image-stream/codec';
import { expect, test } from 'vitest';
import { gunzipped, inflatedRaw, readAhead } from './bytes.ts';

const MiB = 1024 ** 2;
const bytes = randomBytes(8 * MiB);

/** A source that counts how often it is read, and calls when it has been read so often. */
function countedSource(content: Buffer, calls: Record<number, () => void> = {}) {
  const source = byteSource(content);
  const count = { reads: 0 };
  const read = (start: number, end: number): Promise<Uint8Array> => {
    count.reads += 1;
    calls[count.reads]?.();
    return source.read(start, end);
  };
  return { count, source: { size: source.size, read } };
}

test('many small parts one after the other cost a read a MiB, those far apart one each', async () => {
  const { count, source } = countedSource(bytes);
  const ahead = readAhead(source);
  for (let start = 0; start < bytes.length; start += 1000) {
    const end = Math.min(start + 1000, bytes.length);
    expect((await ahead.read(start, end)).equals(bytes.subarray(start, end))).toBe(true);
  }
  expect(count.reads).toBeLessThan(12);
  count.reads = 0;
  for (const start of [5 * MiB, MiB, 3 * MiB]) {
    expect(await ahead.read(start, start + 10)).toEqual(bytes.subarray(start, start + 10));
  }
  expect(count.reads).toBe(3);
  expect(await ahead.read(bytes.length - 5, bytes.length + 5)).toEqual(bytes.subarray(-5));
  expect(await ahead.read(bytes.length, bytes.length + 5)).toEqual(Buffer.alloc(0));
});

test.each([1, 700, 65_536, 3 * MiB])(
  'gzip data in steps of %d bytes, some of them passed over',
  async (step) => {
    const most = Math.min(bytes.length, step * 2000);
    const inflated = gunzipped(byteSource(gzipSync(bytes, { level: 1 })), new AbortController().signal);
    for (let start = 0; start < most; start += step * 2) {
      const end = Math.min(start + step, bytes.length);
      // What was read is there as long as nothing behind it was asked for.
      await inflated.read(start, Math.min(start + 10, end));
      expect((await inflated.read(start, end)).equals(bytes.subarray(start, end))).toBe(true);
    }
    await inflated.close();
  },
);

test('the end of gzip data, and what is behind it', async () => {
  const inflated = gunzipped(byteSource(gzipSync('0123456789')), new AbortController().signal);
  expect(String(await inflated.read(4, 100))).toBe('456789');
  expect(String(await inflated.read(10, 100))).toBe('');
  expect(String(await inflated.read(1000, 2000))).toBe('');
});

test('the signal ends what is passed over', async () => {
  const stopping = new AbortController();
  const { count, source } = countedSource(gzipSync(bytes), { 2: () => stopping.abort() });
  await expect(gunzipped(source, stopping.signal).read(7 * MiB, 8 * MiB)).rejects.toThrow('aborted');
  expect(count.reads).toBeLessThan(5);
});

test('a read that fails is not taken for the end', async () => {
  const failing = { size: MiB, read: () => Promise.reject(new Error('EIO')) };
  const inflated = gunzipped(failing, new AbortController().signal);
  for (let time = 0; time < 2; time += 1) {
    await expect(inflated.read(0, 10)).rejects.toThrow('EIO');
  }
});

test.each([100, 5 * MiB])(
  'deflated data of %d bytes have neither more nor fewer bytes than declared',
  async (size) => {
    const source = byteSource(deflateRawSync(bytes.subarray(0, size)));
    const all = async (declared: number): Promise<Buffer> => {
      const chunks: Buffer[] = [];
      for await (const chunk of inflatedRaw(source, declared)) {
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    };
    expect((await all(size)).equals(bytes.subarray(0, size))).toBe(true);
    await expect(all(size - 1)).rejects.toThrow(`inflates to more than the ${size - 1} bytes`);
    await expect(all(size + 1)).rejects.toThrow(`inflates to ${size} bytes instead of the ${size + 1}`);
  },
);
