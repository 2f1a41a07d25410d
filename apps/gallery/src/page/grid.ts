import type { Item } from '../messages.ts';
import { age, bytes, dimensions, keyOf, nameOf, typeName } from './format.ts';

/** The tiles. Whatever records say is set as text, never as markup. */
export interface Grid {
  /** Shows these and no others, in this order. */
  show(items: readonly Item[]): void;
  /** Moves the focus by tiles, or by rows of them. @returns whether there was a tile to go to */
  move(key: string): boolean;
  focus(item: Item): void;
  /** Says again how old everything is. */
  refreshAges(): void;
}

interface Tile {
  readonly element: HTMLLIElement;
  readonly button: HTMLButtonElement;
  readonly item: Item;
  readonly time: HTMLTimeElement;
}

export function createGrid(root: HTMLUListElement, open: (item: Item) => void): Grid {
  let tiles = new Map<string, Tile>();

  root.addEventListener('click', (event) => {
    const element = (event.target as Element).closest('li');
    const tile = [...tiles.values()].find((one) => one.element === element);
    if (tile !== undefined) {
      open(tile.item);
    }
  });

  function columns(): number {
    return getComputedStyle(root).gridTemplateColumns.split(' ').length;
  }

  return {
    show(items) {
      const shown = new Map<string, Tile>();
      let place: Element | null = root.firstElementChild;
      for (const item of items) {
        const key = keyOf(item);
        const before = tiles.get(key);
        const tile = before?.item === item ? before : createTile(item);
        if (before !== undefined && before !== tile) {
          place = place === before.element ? before.element.nextElementSibling : place;
          before.element.replaceWith(tile.element);
        }
        shown.set(key, tile);
        if (tile.element === place) {
          place = place.nextElementSibling;
        } else {
          root.insertBefore(tile.element, place);
        }
        tiles.delete(key);
      }
      for (const { element } of tiles.values()) {
        element.remove();
      }
      tiles = shown;
    },
    move(key) {
      const all = [...tiles.values()];
      const current = all.findIndex(({ button }) => button === document.activeElement);
      const steps: Record<string, number> = {
        ArrowLeft: -1,
        ArrowRight: 1,
        ArrowUp: -columns(),
        ArrowDown: columns(),
      };
      const target = all[current === -1 ? 0 : current + steps[key]!];
      target?.button.focus();
      return target !== undefined;
    },
    focus: (item) => tiles.get(keyOf(item))?.button.focus(),
    refreshAges() {
      for (const { item, time } of tiles.values()) {
        time.textContent = age(item.timestamp);
      }
    },
  };
}

function createTile(item: Item): Tile {
  const element = document.createElement('li');
  const button = document.createElement('button');
  button.type = 'button';
  const name = nameOf(item);
  const time = text('time', age(item.timestamp));
  const title = text('span', name, 'name');
  title.title = name;
  const line = document.createElement('span');
  line.className = 'line';
  line.append(title, time);
  const details = text('span', detailsOf(item), 'details');
  details.title = detailsOf(item);
  button.append(frameOf(item), line, details);
  element.append(button);
  return { element, button, item, time };
}

function frameOf(item: Item): HTMLElement {
  const frame = document.createElement('span');
  frame.className = 'frame';
  const { chunks } = item;
  if (item.problem !== undefined) {
    // Why it was put aside is said below.
    frame.append(text('span', item.deadLetter === undefined ? item.problem : 'No picture', 'reason'));
  } else if (chunks !== undefined && chunks.have < chunks.count) {
    const progress = document.createElement('progress');
    progress.max = chunks.count;
    progress.value = chunks.have;
    frame.append(text('span', `${chunks.have} of ${chunks.count} chunks`, 'reason'), progress);
  } else {
    const image = document.createElement('img');
    image.alt = '';
    image.loading = 'lazy';
    image.decoding = 'async';
    image.addEventListener('error', () => image.replaceWith(text('span', 'No preview', 'reason')));
    image.src = `${keyOf(item)}/thumbnail`;
    frame.append(image);
  }
  if (item.deadLetter !== undefined) {
    frame.classList.add('dead');
  }
  return frame;
}

/** What is said below a tile: why it was put aside, or what it is. */
function detailsOf(item: Item): string {
  if (item.deadLetter !== undefined) {
    return item.deadLetter.message;
  }
  const { customerId, type, imageBytes, recordBytes } = item;
  return [
    customerId,
    dimensions(item) ?? (type === undefined ? undefined : typeName(type)),
    bytes(imageBytes ?? recordBytes),
  ]
    .filter((one) => one !== undefined)
    .join(' · ');
}

function text<K extends 'span' | 'time'>(kind: K, content: string, className = ''): HTMLElementTagNameMap[K] {
  const element = document.createElement(kind);
  element.textContent = content;
  element.className = className;
  return element;
}
