import type { ByteSource } from '@image-stream/codec';
import { ImageIoError } from './errors.ts';
import { isFileSource } from './file-source.ts';
import { alone, besideOthers } from './turns.ts';

let loaded: Promise<(typeof import('sharp'))['default']> | undefined;

/** libvips is loaded when the first image needs it, so that `--help` does not wait for it. */
export function loadSharp(): Promise<(typeof import('sharp'))['default']> {
  loaded ??= import('sharp').then(({ default: sharp }) => {
    // libvips remembers what it made of a path, also when another file is there by now.
    sharp.cache(false);
    // Images come from strangers: nothing else that libvips can read, SVG above all, is to be tried on them.
    sharp.block({ operation: ['VipsForeignLoad'] });
    sharp.unblock({
      operation: ['Png', 'Jpeg', 'Webp', 'Heif', 'Tiff', 'Nsgif'].map((format) => `VipsForeignLoad${format}`),
    });
    return sharp;
  });
  return loaded;
}

/** A file is read piece by piece; anything else has to be in memory. */
export async function inputOf(source: ByteSource): Promise<string | Uint8Array> {
  return isFileSource(source) ? source.path : source.read(0, source.size);
}

/** What the system says, with glibc or musl, and the name that Node.js gives it. */
const systemErrors: Record<string, string> = {
  'No space left on device': 'ENOSPC',
  'Disk quota exceeded': 'EDQUOT',
  'Quota exceeded': 'EDQUOT',
  'Input/output error': 'EIO',
  'I/O error': 'EIO',
  'Too many open files': 'EMFILE',
  'No file descriptors available': 'EMFILE',
  'Too many open files in system': 'ENFILE',
  'Cannot allocate memory': 'ENOMEM',
  'Out of memory': 'ENOMEM',
  'Device or resource busy': 'EBUSY',
  'Resource busy': 'EBUSY',
  'Stale file handle': 'ESTALE',
  'Connection timed out': 'ETIMEDOUT',
  'Operation timed out': 'ETIMEDOUT',
  'Read-only file system': 'EROFS',
  'Permission denied': 'EACCES',
  'File too large': 'EFBIG',
  'No such file or directory': 'ENOENT',
};

/**
 * What sharp gives. Whatever it throws for a file is the fault of the file, unless the system is to blame, as for a full
 * disk: then it is thrown as Node.js throws it, with its `code`.
 *
 * libvips has one place for reasons in the process, so that those of operations that run side by side get mixed up. What fails is
 * done again by itself, and the reason is that of the second time.
 *
 * @param result is called once or twice
 * @throws ImageIoError `INVALID_IMAGE`, with the reason of libvips
 */
export async function decoded<T>(result: () => Promise<T>): Promise<T> {
  try {
    return await besideOthers(result);
  } catch (error) {
    if (error instanceof ImageIoError) {
      throw error;
    }
    return alone(() => withReason(result));
  }
}

async function withReason<T>(result: () => Promise<T>): Promise<T> {
  try {
    return await result();
  } catch (error) {
    if (error instanceof ImageIoError) {
      throw error;
    }
    const { message } = error as Error;
    const code = systemErrorIn(message);
    if (code !== undefined) {
      throw Object.assign(new Error(message, { cause: error }), { code });
    }
    throw new ImageIoError('INVALID_IMAGE', `image cannot be decoded: ${reasonIn(message)}`, {
      cause: error,
    });
  }
}

/** Without what sharp and libvips say of their own steps. */
function reasonIn(message: string): string {
  const lines = message
    .split('\n')
    .map((line) => line.replace(/^Input (?:buffer|file) has corrupt header: /, '').trim())
    .filter((line) => line !== '' && !/unable to write to target|^Warning treated as error/.test(line));
  return [...new Set(lines)].join('; ') || 'its pixels are damaged';
}

function systemErrorIn(message: string): string | undefined {
  if (message.startsWith('Input file is missing')) {
    return 'ENOENT';
  }
  const said = [...message.matchAll(/^(?:system|unix) error: (.*)$/gm)].map(([, text]) => text!);
  return said.map((text) => systemErrors[text]).find((code) => code !== undefined);
}
