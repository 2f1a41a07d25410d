import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { inputImages } from '../inputs.ts';
import { filesHere } from '../file-loader.test-support.ts';
import type { SourceContext } from '../source.ts';

/** What became of the images of an input. */
export interface Given {
  /** The ones that can be sent, in their order. */
  readonly images: {
    name: string;
    id: string;
    customer: string;
    createdAt: string;
    filename?: string;
    sha256: string;
    /** Whether it is read while it travels. */ isStored: boolean;
  }[];
  /** `<name>: <reason>` of the others. */
  readonly refused: string[];
  readonly warnings: string[];
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A folder that is removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'archives-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A PNG file of noise, always the same for a seed. @param padding bytes behind its end, which belong to no image and are tolerated */
export function png(seed: number, padding = 0): Buffer {
  const side = 6;
  const rows = Buffer.alloc(side * (1 + 3 * side));
  for (let index = 0, value = seed; index < rows.length; index += 1) {
    value = (value * 1_103_515_245 + 12_345) % 2 ** 31;
    rows[index] = index % (1 + 3 * side) === 0 ? 0 : value >> 16;
  }
  const header = Buffer.from([0, 0, 0, side, 0, 0, 0, side, 8, 2, 0, 0, 0]);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    ...[chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))],
    Buffer.alloc(padding, seed),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

interface MemberOptions {
  readonly type?: string;
  readonly prefix?: string;
  /** As the header has it; by default that of the body. */
  readonly size?: number;
  readonly magic?: string;
  /** Writes the size in base 256. */
  readonly isBase256?: boolean;
}

/** A member of a tar archive, for what no program writes on demand. */
export function tarMember(name: string, body: Buffer = Buffer.alloc(0), options: MemberOptions = {}): Buffer {
  const { type = '0', prefix = '', size = body.length, magic = 'ustar\x0000', isBase256 = false } = options;
  const header = Buffer.alloc(512);
  header.write(name);
  header.write('0000644\x000000000\x000000000\x00', 100);
  if (isBase256) {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  } else {
    header.write(`${size.toString(8).padStart(11, '0')}\x00`, 124);
  }
  header.write('14524770000\x00', 136);
  header.write(`        ${type}`, 148);
  header.write(magic, 257, 'latin1');
  header.write(prefix, 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\x00 `, 148);
  return Buffer.concat([header, body, Buffer.alloc(-body.length & 511)]);
}

/** The two blocks that end a tar archive. */
export const tarEnd = Buffer.alloc(1024);

/** What the images of inputs would be sent as. */
export async function give(
  inputs: readonly string[],
  {
    cwd = '/',
    signal = new AbortController().signal,
    whenGiven = () => {},
    ...settings
  }: Partial<SourceContext> & { cwd?: string; whenGiven?: () => void } = {},
): Promise<Given> {
  const given: Given = { images: [], refused: [], warnings: [] };
  const context: SourceContext = {
    customerOf: (_path, noted) => noted ?? 'default',
    files: filesHere(settings),
    path: (path) => resolve(cwd, path),
    recursive: true,
    s3: {},
    incomplete: new Map(),
    sentFiles: () => Promise.reject(new Error('not watched')),
    warn: (message) => void given.warnings.push(message),
    signal,
    ...settings,
  };
  for await (const { name, load, dispose } of inputImages(inputs, false, context)) {
    const shown = name.replace(`${cwd}/`, '');
    try {
      const { id, customerId, createdAt, filename, content } = await load();
      const bytes =
        'source' in content
          ? await content.source.read(0, content.source.size)
          : (content as unknown as { bytes: Buffer }).bytes;
      given.images.push({
        ...{ name: shown, id, customer: customerId, createdAt: createdAt.toISOString() },
        ...(filename !== undefined && { filename }),
        sha256: sha256(bytes),
        isStored: 'source' in content,
      });
    } catch (error) {
      given.refused.push(`${shown}: ${(error as Error).message}`);
    } finally {
      await dispose?.();
    }
    whenGiven();
  }
  return given;
}
