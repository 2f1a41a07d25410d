/** A box of the ISO base media format, of bytes and of 32-bit numbers. */
export function box(type: string, ...content: (Buffer | readonly number[])[]): Buffer {
  const inside = Buffer.concat(content.map((one) => (Buffer.isBuffer(one) ? one : longs(one))));
  return Buffer.concat([longs([inside.length + 8]), Buffer.from(type, 'latin1'), inside]);
}

export function longs(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) {
    bytes.writeUInt32BE(value, 4 * index);
  }
  return bytes;
}
