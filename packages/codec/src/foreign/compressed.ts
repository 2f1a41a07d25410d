import { constants, gunzipSync, inflateSync } from 'node:zlib';
import { imageName } from './image-names.ts';

/** Compressed bytes, and of what they are: https://www.rfc-editor.org/rfc/rfc1952, https://www.rfc-editor.org/rfc/rfc1950 */
export function compressed(head: Uint8Array): string | undefined {
  const [first, second] = head;
  const isGzip = first === 0x1f && second === 0x8b;
  const isZlib = first === 0x78 && ((first << 8) | second!) % 31 === 0;
  if (!isGzip && !isZlib) {
    return undefined;
  }
  const data = isGzip ? 'gzip data' : 'zlib data';
  try {
    // What the beginning inflates to is bounded by how much of it there is.
    const inflated = (isGzip ? gunzipSync : inflateSync)(head, { finishFlush: constants.Z_SYNC_FLUSH });
    const name = imageName(inflated);
    return name === undefined
      ? data
      : `${data} of ${name}; a header content-encoding: ${isGzip ? 'gzip' : 'deflate'} would say so`;
  } catch {
    return isGzip ? data : undefined;
  }
}
