import { boxesBelow, boxesIn } from './boxes.ts';
import type { Box } from './boxes.ts';
import type { Reader } from './reader.ts';

/** An item of a file: a picture, a tile of one, its transparency, or something else. ISO/IEC 23008-12, 6 and 9 */
export interface Item {
  readonly id: number;
  /** `av01` for coded pixels, `grid` for what consists of tiles, `tmap` for a gain map. */
  readonly type: string;
  /** What describes it. */
  readonly properties: readonly Box[];
  /** The items that it consists of. */
  readonly parts: readonly number[];
  /** The item whose transparency, depth or the like it is. */
  readonly belongsTo: number | undefined;
}

/** The items of a file, by their ids, and which one is shown. */
export async function itemsIn(
  reader: Reader,
  content: Box,
): Promise<{ readonly items: ReadonlyMap<number, Item>; readonly primary: Item | undefined }> {
  const [[pitm], [infos], [references], [links], [store]] = await Promise.all([
    boxesBelow(reader, content, 'pitm'),
    boxesBelow(reader, content, 'iinf'),
    boxesBelow(reader, content, 'iref'),
    boxesBelow(reader, content, 'iprp', 'ipma'),
    boxesBelow(reader, content, 'iprp', 'ipco'),
  ]);
  const related =
    references === undefined ? new Map<string, number[]>() : await referencesIn(reader, references);
  const properties =
    links === undefined || store === undefined
      ? new Map<number, Box[]>()
      : await propertiesIn(reader, links, await boxesIn(reader, store.start, store.end));
  const items = new Map<number, Item>();
  for (const { id, type } of infos === undefined ? [] : await typesIn(reader, infos)) {
    items.set(id, {
      id,
      type,
      properties: properties.get(id) ?? [],
      parts: related.get(`dimg ${id}`) ?? [],
      belongsTo: related.get(`auxl ${id}`)?.[0],
    });
  }
  const primaryId = pitm === undefined ? undefined : await idIn(reader, pitm);
  return { items, primary: items.get(primaryId ?? -1) };
}

async function idIn(reader: Reader, { start, end }: Box): Promise<number> {
  const bytes = await reader.at(start, end - start);
  return bytes[0] === 0 ? bytes.readUInt16BE(4) : bytes.readUInt32BE(4);
}

async function typesIn(reader: Reader, { start, end }: Box): Promise<{ id: number; type: string }[]> {
  const version = (await reader.at(start, 1))[0]!;
  const found: { id: number; type: string }[] = [];
  for (const entry of await boxesIn(reader, start + (version === 0 ? 6 : 8), end)) {
    const bytes = await reader.at(entry.start, Math.min(16, entry.end - entry.start));
    // Version 2 has ids of 16 bits, 3 of 32; a protection index comes between id and type.
    const idBytes = bytes[0] === 3 ? 4 : 2;
    found.push({
      id: bytes.readUIntBE(4, idBytes),
      type: bytes.toString('latin1', 6 + idBytes, 10 + idBytes),
    });
  }
  return found;
}

/** The items that an item refers to, by the type of the reference and its own id. */
async function referencesIn(reader: Reader, { start, end }: Box): Promise<Map<string, number[]>> {
  const idBytes = (await reader.at(start, 1))[0] === 0 ? 2 : 4;
  const found = new Map<string, number[]>();
  for (const box of await boxesIn(reader, start + 4, end)) {
    const bytes = await reader.at(box.start, box.end - box.start);
    const count = bytes.readUInt16BE(idBytes);
    const to = Array.from({ length: count }, (_one, index) =>
      bytes.readUIntBE(idBytes + 2 + idBytes * index, idBytes),
    );
    found.set(`${box.type} ${bytes.readUIntBE(0, idBytes)}`, to);
  }
  return found;
}

async function propertiesIn(
  reader: Reader,
  { start, end }: Box,
  store: readonly Box[],
): Promise<Map<number, Box[]>> {
  const bytes = await reader.at(start, end - start);
  const idBytes = bytes[0]! < 1 ? 2 : 4;
  // The first bit says that a property must be understood.
  const [indexBytes, indexMask] = (bytes[3]! & 1) === 1 ? [2, 0x7fff] : [1, 0x7f];
  const found = new Map<number, Box[]>();
  let at = 8;
  for (let entries = bytes.readUInt32BE(4); entries > 0; entries--) {
    const id = bytes.readUIntBE(at, idBytes);
    const count = bytes[at + idBytes]!;
    at += idBytes + 1;
    const own: Box[] = [];
    for (let property = 0; property < count; property++, at += indexBytes) {
      const box = store[(bytes.readUIntBE(at, indexBytes) & indexMask) - 1];
      own.push(...(box === undefined ? [] : [box]));
    }
    found.set(id, own);
  }
  return found;
}
