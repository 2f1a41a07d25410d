import type { LiveItem } from '../messages.ts';
import { addressOf, age, bdi, bytes, dimensions, framesOf, keyOf, nameOf, typeName } from './format.ts';
import { createLazyThumbnails } from './thumbnails.ts';
import type { LazyThumbnails } from './thumbnails.ts';

/** The tiles. Whatever records say is set as text, never as markup. */
export interface Grid {
  /** Makes ready what is to be shown: resolves when the thumbnails that came with the items can be drawn. */
  prepare(items: readonly LiveItem[]): Promise<void>;
  /** Shows these and no others, in this order. */
  show(items: readonly LiveItem[]): void;
  /** True while somebody is about to choose one: the pointer or the focus is among them, so that nothing must move. */
  readonly isHeld: boolean;
  /** Moves the focus by tiles, by rows of them, or to an end. @returns whether there was a tile to go to */
  move(key: string): boolean;
  focus(item: LiveItem): void;
  /** Takes the focus out of the tiles. */
  release(): void;
  /** Says again how old everything is. */
  refreshAges(): void;
  columns(): number;
  /** The uppermost row that is in view as a whole. */
  topRow(): readonly LiveItem[];
  /** Makes a tile the uppermost. */
  scrollTo(item: LiveItem): void;
  /** Leaves what is in view where it is, whatever changes above it. */
  keepPlace(change: () => void): void;
}

interface Tile {
  readonly element: HTMLLIElement;
  readonly button: HTMLButtonElement;
  readonly item: LiveItem;
  readonly time: HTMLTimeElement;
  readonly image: HTMLImageElement | undefined;
}

/** @param released is called when the tiles are held no more */
export function createGrid(
  root: HTMLUListElement,
  open: (item: LiveItem) => void,
  released: () => void,
): Grid {
  const lazy = createLazyThumbnails();
  let tiles = new Map<string, Tile>();
  /** Tiles that are still to be shown. */
  const prepared = new WeakMap<LiveItem, Tile>();
  let hasPointer = false;

  const hasFocus = (): boolean => root.contains(document.activeElement);

  const tileAt = (target: EventTarget | null): Tile | undefined => {
    const key = (target as Element).closest('li')?.dataset['key'];
    return key === undefined ? undefined : tiles.get(key);
  };

  root.addEventListener('pointerenter', () => (hasPointer = true));
  root.addEventListener('pointerleave', () => {
    hasPointer = false;
    releaseIfFree();
  });
  root.addEventListener('focusout', () => setTimeout(releaseIfFree));

  function releaseIfFree(): void {
    if (!hasPointer && !hasFocus()) {
      released();
    }
  }

  // What was aimed at is what opens, whatever happens until the button is let go; a finger may be about to scroll.
  root.addEventListener('pointerdown', (event) => {
    const { button, pointerType, ctrlKey, metaKey, shiftKey } = event;
    const tile = tileAt(event.target);
    if (tile !== undefined && button === 0 && pointerType !== 'touch' && !ctrlKey && !metaKey && !shiftKey) {
      event.preventDefault();
      open(tile.item);
    }
  });
  root.addEventListener('click', (event) => {
    const tile = tileAt(event.target);
    if (tile !== undefined) {
      open(tile.item);
    }
  });

  function forget({ item, image }: Tile): void {
    prepared.delete(item);
    if (image !== undefined) {
      lazy.remove(image);
    }
  }

  function tileOf(item: LiveItem): Tile {
    const tile = prepared.get(item) ?? createTile(item, lazy);
    prepared.set(item, tile);
    return tile;
  }

  function columns(): number {
    return getComputedStyle(root).gridTemplateColumns.split(' ').length;
  }

  return {
    async prepare(items) {
      const images = items.flatMap((item) =>
        item.thumbnail === undefined ? [] : (tileOf(item).image ?? []),
      );
      await Promise.allSettled(images.map((image) => image.decode()));
    },
    show(items) {
      const shown = new Map<string, Tile>();
      let place: Element | null = root.firstElementChild;
      for (const item of items) {
        const key = keyOf(item);
        const before = tiles.get(key);
        const tile = before?.item === item ? before : tileOf(item);
        if (before !== undefined && before !== tile) {
          place = place === before.element ? before.element.nextElementSibling : place;
          before.element.replaceWith(tile.element);
          forget(before);
        }
        shown.set(key, tile);
        if (tile.element === place) {
          place = place.nextElementSibling;
        } else {
          root.insertBefore(tile.element, place);
        }
        tiles.delete(key);
      }
      for (const tile of tiles.values()) {
        tile.element.remove();
        forget(tile);
      }
      tiles = shown;
    },
    get isHeld() {
      return hasPointer || hasFocus();
    },
    move(key) {
      const all = [...tiles.values()];
      const current = all.findIndex(({ button }) => button === document.activeElement);
      const steps: Record<string, number> = {
        ArrowLeft: -1,
        ArrowRight: 1,
        ArrowUp: -columns(),
        ArrowDown: columns(),
        Home: -current,
        End: all.length - 1 - current,
      };
      const isArrow = key.startsWith('Arrow');
      const target = all[current === -1 && isArrow ? 0 : current + steps[key]!];
      target?.button.focus();
      return target !== undefined;
    },
    focus: (item) => tiles.get(keyOf(item))?.button.focus(),
    release() {
      if (hasFocus()) {
        (document.activeElement as HTMLElement).blur();
      }
    },
    columns,
    topRow() {
      const all = [...tiles.values()];
      const first = all.find(({ element }) => element.getBoundingClientRect().top >= 0) ?? all.at(-1);
      const top = first?.element.offsetTop;
      return all.filter(({ element }) => element.offsetTop === top).map(({ item }) => item);
    },
    scrollTo: (item) => tiles.get(keyOf(item))?.element.scrollIntoView({ block: 'start' }),
    keepPlace(change) {
      const anchor = [...tiles.values()].find(({ element }) => element.getBoundingClientRect().bottom > 0);
      const before = anchor?.element.getBoundingClientRect().top;
      change();
      if (anchor?.element.isConnected === true) {
        window.scrollBy(0, anchor.element.getBoundingClientRect().top - before!);
      }
    },
    refreshAges() {
      for (const { item, time } of tiles.values()) {
        time.textContent = age(item.timestamp);
      }
    },
  };
}

function createTile(item: LiveItem, lazy: LazyThumbnails): Tile {
  const element = document.createElement('li');
  element.dataset['key'] = keyOf(item);
  const button = document.createElement('button');
  button.type = 'button';
  const name = nameOf(item);
  const time = text('time', age(item.timestamp));
  const title = bdi(name);
  title.className = 'name';
  title.title = name;
  const line = document.createElement('span');
  line.className = 'line';
  line.append(title, time);
  const details = text('span', '', 'details');
  details.append(...detailsOf(item));
  details.title = details.textContent;
  const frame = document.createElement('span');
  frame.className = item.deadLetter === undefined ? 'frame' : 'frame dead';
  button.append(frame, line, details);
  element.append(button);
  return { element, button, item, time, image: fill(frame, item, lazy) };
}

/** @returns the image of its picture, if there is to be one */
function fill(frame: HTMLElement, item: LiveItem, lazy: LazyThumbnails): HTMLImageElement | undefined {
  const { chunks, problem, deadLetter, thumbnail } = item;
  if (problem !== undefined) {
    // Why it was put aside is said below.
    frame.append(text('span', deadLetter === undefined ? problem : 'No picture', 'reason'));
    return undefined;
  }
  if (chunks !== undefined && chunks.have < chunks.count) {
    const progress = document.createElement('progress');
    progress.max = chunks.count;
    progress.value = chunks.have;
    frame.append(text('span', `${chunks.have} of ${chunks.count} chunks`, 'reason'), progress);
    return undefined;
  }
  const image = document.createElement('img');
  image.alt = '';
  const frames = framesOf(item);
  frame.append(image, ...(frames === undefined ? [] : [text('span', frames, 'frames')]));
  if (thumbnail === undefined) {
    const reason = text('span', '', 'reason');
    frame.append(reason);
    lazy.add(image, addressOf(item, 'thumbnail'), (why) => {
      reason.textContent = why === undefined ? '' : `No preview: ${why}`;
    });
  } else {
    image.src = thumbnail;
  }
  return image;
}

/** What is said below a tile: why and from where it was put aside, or what it is. */
function detailsOf(item: LiveItem): (Node | string)[] {
  if (item.deadLetter !== undefined) {
    const { topic, partition, offset, message } = item.deadLetter;
    return [bdi(message), text('span', `from ${topic} ${partition}@${offset}`, 'source')];
  }
  const { customerId, type, imageBytes, recordBytes } = item;
  const facts = [
    dimensions(item) ?? (type === undefined ? undefined : typeName(type)),
    bytes(imageBytes ?? recordBytes),
  ];
  const own = facts.filter((one) => one !== undefined).join(' · ');
  return customerId === undefined ? [own] : [bdi(customerId), ` · ${own}`];
}

function text<K extends 'span' | 'time'>(kind: K, content: string, className = ''): HTMLElementTagNameMap[K] {
  const element = document.createElement(kind);
  element.textContent = content;
  element.className = className;
  return element;
}
