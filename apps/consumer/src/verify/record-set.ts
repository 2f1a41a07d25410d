/** Where records are in a topic, as many of them as there may be. */
export interface RecordSet {
  add(partition: number, offset: string): void;
  has(partition: number, offset: string): boolean;
}

/** How many offsets share an entry of the map. */
const blockSize = 1024n;

/** A set that takes a bit for each offset of the ranges in which there is any: 12 MB for a hundred million in a row. */
export function createRecordSet(): RecordSet {
  const blocks = new Map<string, Uint8Array>();

  return {
    add(partition, offset) {
      const { block, byte, bit } = locate(partition, offset);
      const bits = blocks.get(block) ?? new Uint8Array(Number(blockSize) / 8);
      bits[byte]! |= bit;
      blocks.set(block, bits);
    },
    has(partition, offset) {
      const { block, byte, bit } = locate(partition, offset);
      return ((blocks.get(block)?.[byte] ?? 0) & bit) !== 0;
    },
  };
}

function locate(partition: number, offset: string): { block: string; byte: number; bit: number } {
  const within = Number(BigInt(offset) % blockSize);
  return {
    block: `${partition} ${BigInt(offset) / blockSize}`,
    byte: within >> 3,
    bit: 1 << (within & 7),
  };
}
