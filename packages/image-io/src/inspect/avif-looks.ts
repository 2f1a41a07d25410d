import { av1Sequence } from './av1-sequence.ts';
import type { Av1Sequence } from './av1-sequence.ts';
import { itemsIn } from './avif-items.ts';
import type { Item } from './avif-items.ts';
import type { Box } from './boxes.ts';
import { unusualColours } from './cicp.ts';
import { Truncated } from './reader.ts';
import type { Range, Reader, Structure } from './reader.ts';

/** What is to be known of a picture where decoders do not do as its file says. */
export type Looks = Pick<Structure, 'onlyOriginal' | 'isLimitedGrey' | 'isLimitedAlpha'>;

/** The header of a sequence is short, and is the first part of the data or the second. */
const headerBytes = 64;

const alphaType = 'urn:mpeg:mpegB:cicp:systems:auxiliary:alpha';

/**
 * How the picture that is shown looks. What is badly written here is left out: decoders show most such files.
 *
 * @param content the boxes of `meta`
 * @param data where the data of each item begins
 */
export async function looksOf(
  reader: Reader,
  content: Box,
  data: ReadonlyMap<number, Range>,
): Promise<Looks> {
  try {
    const { items, primary } = await itemsIn(reader, content);
    if (primary === undefined) {
      return {};
    }
    if ([...items.values()].some(({ type }) => type === 'tmap')) {
      return { onlyOriginal: 'holds a gain map' };
    }
    const alpha = await alphaOf(reader, items, primary);
    const sequenceOf = async (item: Item): Promise<Av1Sequence | undefined> => {
      const { start, end } = data.get(item.parts[0] ?? item.id) ?? { start: 0, end: 0 };
      return av1Sequence(await reader.at(start, Math.min(headerBytes, end - start)));
    };
    const sequence = await sequenceOf(primary);
    const colours = await coloursOf(reader, primary);
    return {
      onlyOriginal: colours.unusual,
      isLimitedGrey: sequence?.isGrey === true && !(colours.isFullRange ?? sequence.isFullRange),
      isLimitedAlpha: alpha !== undefined && (await sequenceOf(alpha))?.isFullRange === false,
    };
  } catch (error) {
    if (error instanceof RangeError || error instanceof Truncated) {
      return {};
    }
    throw error;
  }
}

async function alphaOf(
  reader: Reader,
  items: ReadonlyMap<number, Item>,
  { id }: Item,
): Promise<Item | undefined> {
  for (const item of items.values()) {
    const kind = item.properties.find(({ type }) => type === 'auxC');
    if (item.belongsTo === id && kind !== undefined) {
      const text = (await reader.at(kind.start, kind.end - kind.start)).toString('latin1', 4);
      if (text.startsWith(alphaType)) {
        return item;
      }
    }
  }
  return undefined;
}

/** What the properties of a picture say of its colours; a profile says all. */
async function coloursOf(
  reader: Reader,
  { properties }: Item,
): Promise<{ readonly unusual?: string | undefined; readonly isFullRange?: boolean }> {
  const boxes = properties.filter(({ type }) => type === 'colr');
  const found: Buffer[] = [];
  for (const { start, end } of boxes) {
    found.push(await reader.at(start, Math.min(11, end - start)));
  }
  const kinds = found.map((bytes) => bytes.toString('latin1', 0, 4));
  const codes = found[kinds.indexOf('nclx')];
  if (codes === undefined) {
    return {};
  }
  const hasProfile = kinds.includes('prof') || kinds.includes('rICC');
  return {
    unusual: hasProfile ? undefined : unusualColours(codes.readUInt16BE(4), codes.readUInt16BE(6)),
    isFullRange: codes[10]! >= 0x80,
  };
}
