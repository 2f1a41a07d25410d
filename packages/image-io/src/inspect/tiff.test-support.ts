/** What a directory says, by tag; an array that several share is written once. */
export type Page = Record<number, number | readonly number[]>;

/** A TIFF file of little-endian LONGs: 8 bytes, then pixels, tables, and directories in a row. */
export function tiff(pages: readonly Page[], order?: 'backwards', pixels: Buffer = Buffer.alloc(64)): Buffer {
  const parts: Buffer[] = [pixels];
  let end = 8 + pixels.length;
  const add = (bytes: Buffer): number => {
    parts.push(bytes);
    end += bytes.length;
    return end - bytes.length;
  };
  const tables = new Map<readonly number[], number>();
  const placeOf = (values: readonly number[]): number => {
    const known = tables.get(values) ?? add(longs(values));
    tables.set(values, known);
    return known;
  };
  const directory = (page: Page, next: number): Buffer => {
    const entries = Object.entries(page).map(([tag, value]) => {
      const entry = Buffer.alloc(12);
      entry.writeUInt16LE(Number(tag));
      entry.writeUInt16LE(4, 2);
      const values = typeof value === 'number' ? [value] : value;
      entry.writeUInt32LE(values.length, 4);
      entry.writeUInt32LE(values.length === 1 ? values[0]! : placeOf(values), 8);
      return entry;
    });
    const count = Buffer.alloc(2);
    count.writeUInt16LE(entries.length);
    return Buffer.concat([count, ...entries, longs([next])]);
  };
  for (const value of pages.flatMap((page) => Object.values(page))) {
    if (typeof value === 'object' && value.length > 1) {
      placeOf(value);
    }
  }
  const places: number[] = [];
  for (const page of pages) {
    places.push(end);
    end += 6 + 12 * Object.keys(page).length;
  }
  const nextOf = (index: number): number => places[order === 'backwards' ? index - 1 : index + 1] ?? 0;
  const directories = pages.map((page, index) => directory(page, nextOf(index)));
  const header = Buffer.concat([
    Buffer.from('II*\0', 'latin1'),
    longs([places.at(order === 'backwards' ? -1 : 0)!]),
  ]);
  return Buffer.concat([header, ...parts, ...directories]);
}

function longs(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) {
    bytes.writeUInt32LE(value, index * 4);
  }
  return bytes;
}
