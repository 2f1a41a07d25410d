import type { Item, Part, Positions } from '../messages.ts';
import { keyOf } from './format.ts';

/** A stretch of a topic, newest first, of which nothing is left out: what is older lies before `older`, what is newer from `newer` on. */
export interface Stretch<T extends Item> {
  readonly items: readonly T[];
  readonly older: Positions;
  readonly newer: Positions;
}

/** With a part that follows it, and not more than `most` items: those at the other end go. @param columns only whole rows go at the top */
export function withOlder<T extends Item>(
  stretch: Stretch<T | Item>,
  part: Part,
  { most, columns }: { readonly most: number; readonly columns: number },
): Stretch<T | Item> {
  const items = [...stretch.items, ...newTo(stretch, part)];
  const surplus = Math.max(0, Math.floor((items.length - most) / columns) * columns);
  const gone = items.slice(0, surplus);
  return {
    items: items.slice(surplus),
    older: part.older,
    newer: moved(stretch.newer, gone, (offset, before) => (offset < before ? offset : before)),
  };
}

/** With a part that comes before it. */
export function withNewer<T extends Item>(
  stretch: Stretch<T | Item>,
  part: Part,
  { most }: { readonly most: number },
): Stretch<T | Item> {
  const items = [...newTo(stretch, part), ...stretch.items];
  return {
    items: items.slice(0, most),
    older: moved(stretch.older, items.slice(most), (offset, before) =>
      offset >= before ? offset + 1n : before,
    ),
    newer: part.newer,
  };
}

/** As the server takes it. */
export function cursorOf(positions: Positions): string {
  return Object.entries(positions)
    .map(([partition, offset]) => `${partition}@${offset}`)
    .join(',');
}

function newTo({ items }: Stretch<Item>, part: Part): readonly Item[] {
  const known = new Set(items.map(keyOf));
  return part.items.filter((item) => !known.has(keyOf(item)));
}

function moved(
  positions: Positions,
  gone: readonly Item[],
  move: (offset: bigint, before: bigint) => bigint,
): Positions {
  const all = { ...positions };
  for (const { partition, offset } of gone) {
    const before = all[partition];
    all[partition] = String(before === undefined ? BigInt(offset) : move(BigInt(offset), BigInt(before)));
  }
  return all;
}
