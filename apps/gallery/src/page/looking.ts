import type { Item, LiveItem, Part, Positions, TopicName } from '../messages.ts';
import type { View } from './address.ts';
import { ask, reasonOf } from './ask.ts';
import { keyOf, moment, sentence } from './format.ts';
import type { Grid } from './grid.ts';
import { cursorOf, withNewer, withOlder } from './stretch.ts';
import type { Stretch } from './stretch.ts';

/** What of a topic is on the page: what is new, or a stretch of it from any place on. */
export interface Looking {
  /** What is on the page, in its order. */
  readonly shown: readonly LiveItem[];
  /** How many new ones are not. */
  readonly fresh: number;
  /** What lies below it. */
  readonly end: End;
  /** How many dead letters have each reason, of those that are known. */
  readonly reasons: ReadonlyMap<string, number>;
  /** What has come live, of all topics. */
  readonly kept: Readonly<Record<TopicName, ReadonlyMap<string, LiveItem>>>;
  /** Goes to another view. */
  go(view: View): void;
  /** What is new of all topics, and from where on nothing is missing of it. */
  take(items: readonly LiveItem[]): void;
  takeWhole(whole: Readonly<Record<TopicName, Positions>>): void;
  /** Forgets what came live: it comes again. */
  restart(maxItems: number): void;
  /** Shows what is new, or says how much that is where it must not move what is looked at. */
  showNews(): void;
  /** Shows what is new, in any case. */
  show(): void;
  /** Does what the end offers. */
  act(): void;
}

/** What is below the last picture, in words, and what can be done about it. */
interface End {
  readonly text: string;
  readonly action: string;
}

/** What `createLooking` asks and tells. */
export interface LookingOptions {
  readonly grid: Grid;
  /** What lies above and below the pictures: when it comes into view, more is asked for. */
  readonly newerEdge: HTMLElement;
  readonly olderEdge: HTMLElement;
  /** Whether nothing may move. */
  readonly isHeld: () => boolean;
  /** Something else is shown or known. */
  readonly changed: () => void;
  /** The reader has moved to another place. @param isNew false where the place before it need not be gone back to */
  readonly moved: (at: string, isNew: boolean) => void;
  /** Why a place cannot be gone to. */
  readonly failed: (reason: string) => void;
}

/** Farther down, new pictures would move what is being looked at. */
const nearTop = 80;

/** Tiles in the page; what is scrolled far away makes room for what comes into view. */
const most = 400;

/** How near an end of the stretch has to come into view. */
const margin = '800px';

/** How long a reader rests before the place is noted. */
const restMs = 200;

/** What was asked for of one direction. */
interface Way {
  isLoading: boolean;
  isEnd: boolean;
  problem: string;
}

export function createLooking(options: LookingOptions): Looking {
  const { grid, newerEdge, olderEdge, isHeld, changed, moved, failed } = options;
  const kept: Record<TopicName, Map<string, LiveItem>> = { images: new Map(), 'dead-letters': new Map() };
  let whole: Readonly<Record<TopicName, Positions>> = { images: {}, 'dead-letters': {} };
  let maxItems = 0;
  let isReady = false;
  let view: View = { show: 'images', customer: '', id: '', reason: '', at: '', open: '' };
  let shown: readonly LiveItem[] = [];
  let fresh = 0;
  /** How far what is shown live goes, and whether pictures in between are missing. */
  let live = { older: {} as Positions, newer: {} as Positions, isSample: false };
  /** What lies below what is live. */
  let below: { readonly items: Map<string, Item>; readonly start: string; older: Positions } | undefined;
  /** The stretch that is looked at; undefined while live, and while it is asked for. */
  let past: Stretch<LiveItem> | undefined;
  /** The picture that the place names. */
  let anchor: string | undefined;
  /** Until another view is wanted. */
  let asking = new AbortController();
  let older = way();
  let newer = way();
  let isStopped = false;
  let looked = { records: 0, to: null as number | null, removed: 0 };

  const edges = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) {
          void (target === olderEdge ? loadOlder() : loadNewer());
        }
      }
    },
    { rootMargin: margin },
  );

  let resting: ReturnType<typeof setTimeout> | undefined;
  window.addEventListener('scroll', () => {
    clearTimeout(resting);
    resting = setTimeout(notePlace, restMs);
  });
  document.addEventListener('visibilitychange', lookAtEdges);

  /** The place is that of the pictures at the top, unless they have been gone to. */
  function notePlace(): void {
    const row = grid.topRow();
    if (past !== undefined && row.length > 0 && !row.some((item) => keyOf(item) === anchor)) {
      anchor = keyOf(row[0]!);
      view = { ...view, at: placeOf(row[0]!) };
      moved(view.at, false);
    }
  }

  /** Whether they are in view is told once; and what was loaded may not have been enough. */
  function lookAtEdges(): void {
    for (const edge of [newerEdge, olderEdge]) {
      edges.unobserve(edge);
      edges.observe(edge);
    }
  }

  function isFiltered(): boolean {
    return view.customer !== '' || view.id !== '' || view.reason !== '';
  }

  function matches({ customerId = '', id = '', filename = '', deadLetter }: Item): boolean {
    const has = (text: string, part: string): boolean => text.toLowerCase().includes(part.toLowerCase());
    return (
      has(customerId, view.customer) &&
      (has(id, view.id) || has(filename, view.id)) &&
      (view.reason === '' || deadLetter?.errorClass === view.reason)
    );
  }

  function go(next: View): void {
    const isSame = (['show', 'customer', 'id', 'reason', 'at'] as const).every(
      (name) => next[name] === view[name],
    );
    view = next;
    if (!isSame) {
      asking.abort();
      asking = new AbortController();
      past = undefined;
      forgetBelow();
      isStopped = false;
      if (view.at === '') {
        show();
      } else {
        void open(view.at);
      }
    }
  }

  function forgetBelow(): void {
    below = undefined;
    older = way();
    newer = way();
    looked = { records: 0, to: null, removed: 0 };
  }

  /** Newest first. */
  function liveItems(): LiveItem[] {
    const all = new Map<string, LiveItem>(below?.items);
    for (const [key, item] of kept[view.show]) {
      if (matches(item)) {
        all.set(key, item);
      }
    }
    return [...all.values()].toSorted(
      (one, other) => other.timestamp - one.timestamp || Number(other.offset) - Number(one.offset),
    );
  }

  function show(): void {
    if (view.at !== '') {
      return;
    }
    const from = whole[view.show];
    // What has come since was more than is kept: there is a gap.
    if (below !== undefined && (below.start !== startOf(from) || below.items.size > most)) {
      asking.abort();
      asking = new AbortController();
      forgetBelow();
    }
    const all = [...kept[view.show].values()];
    live = {
      older: from,
      newer: newestOf(all, from),
      isSample: !isFiltered() && all.some(({ partition, offset }) => isBefore(offset, from[partition])),
    };
    fresh = 0;
    put(liveItems());
  }

  function put(items: readonly LiveItem[]): void {
    shown = items;
    grid.show(items);
    changed();
    lookAtEdges();
  }

  function showNews(): void {
    if (view.at !== '') {
      return;
    }
    if (isFree()) {
      show();
      return;
    }
    const known = new Set(shown.map(identityOf));
    fresh = liveItems().filter((item) => !known.has(identityOf(item))).length;
    changed();
  }

  function isFree(): boolean {
    return window.scrollY < nearTop && !isHeld();
  }

  async function askPart(name: 'before' | 'from', place: string, signal: AbortSignal): Promise<Part> {
    const query = new URLSearchParams({ [name]: place });
    for (const filter of ['customer', 'id', 'reason'] as const) {
      if (view[filter] !== '') {
        query.set(filter, view[filter]);
      }
    }
    const response = await ask(`${view.show}?${query}`, signal);
    return (await response.json()) as Part;
  }

  /** Shows what lies on both sides of a place. */
  async function open(at: string): Promise<void> {
    const { signal } = asking;
    older = { ...way(), isLoading: true };
    put([]);
    try {
      const lower = await askPart('before', at, signal);
      const upper = await askPart('from', cursorOf(lower.newer), signal);
      past = {
        items: [...upper.items, ...lower.items],
        older: lower.older,
        newer: upper.newer,
      };
      older = { ...way(), isEnd: lower.isEnd };
      newer = { ...way(), isEnd: upper.isEnd };
      note(lower);
      put(past.items);
      const key = `${view.show}/${at.replace('@', '/')}`;
      const target = past.items.find((item) => keyOf(item) === key) ?? upper.items.at(-1) ?? lower.items[0];
      anchor = target && keyOf(target);
      if (target !== undefined) {
        grid.scrollTo(target);
      }
    } catch (error) {
      if (!signal.aborted) {
        older = { ...way(), isEnd: true };
        failed(sentence(reasonOf(error)));
        changed();
      }
    }
  }

  function note({ looked: records, lookedTo, removed }: Part): void {
    looked = { records: looked.records + records, to: lookedTo ?? looked.to, removed };
  }

  async function loadOlder(): Promise<void> {
    const isKnown = view.at === '' ? isReady && !live.isSample : past !== undefined;
    if (!isKnown || isStopped || document.hidden || older.isEnd || older.isLoading || older.problem !== '') {
      return;
    }
    if (view.at === '' && window.scrollY > nearTop) {
      leaveLive();
    }
    const { signal } = asking;
    const start = startOf(live.older);
    older.isLoading = true;
    changed();
    const found = await answered(older, signal, () => {
      const from = past?.older ?? below?.older;
      return askPart('before', from === undefined ? start : cursorOf(from), signal);
    });
    if (found === undefined) {
      return;
    }
    note(found);
    if (past !== undefined) {
      const before = past.items[0];
      past = withOlder(past, found, { most, columns: grid.columns() });
      newer.isEnd &&= past.items[0] === before;
      keepPlaceAndPut(past.items);
      return;
    }
    below ??= { items: new Map(), start, older: found.older };
    below.older = found.older;
    found.items.forEach((item) => below!.items.set(keyOf(item), item));
    if (isFree()) {
      show();
    } else {
      const known = new Set(shown.map(keyOf));
      put([...shown, ...found.items.filter((item) => !known.has(keyOf(item)))]);
    }
  }

  /** Where what is not live begins. A filter is for all that is in the topic, and not for a sample. */
  function startOf(from: Positions): string {
    return isFiltered() || Object.keys(from).length === 0 ? 'end' : cursorOf(from);
  }

  /** Who scrolls on looks at what was there, from now on. */
  function leaveLive(): void {
    const place = grid.topRow()[0] ?? shown[0];
    const from = below?.older ?? (isFiltered() ? undefined : live.older);
    if (place !== undefined && from !== undefined && Object.keys(from).length > 0) {
      past = { items: shown, older: from, newer: live.newer };
      below = undefined;
      anchor = keyOf(place);
      view = { ...view, at: placeOf(place) };
      moved(view.at, true);
    }
  }

  async function loadNewer(): Promise<void> {
    if (past === undefined || newer.isEnd || newer.isLoading || newer.problem !== '' || document.hidden) {
      return;
    }
    const { signal } = asking;
    newer.isLoading = true;
    const found = await answered(newer, signal, () => askPart('from', cursorOf(past!.newer), signal));
    if (found !== undefined && past !== undefined) {
      const before = past.items.at(-1);
      past = withNewer(past, found, { most });
      older.isEnd &&= past.items.at(-1) === before;
      keepPlaceAndPut(past.items);
    }
  }

  /** @returns undefined where there is none, or it is not wanted any more */
  async function answered(
    one: Way,
    signal: AbortSignal,
    request: () => Promise<Part>,
  ): Promise<Part | undefined> {
    try {
      const found = await request();
      signal.throwIfAborted();
      one.isEnd = found.isEnd;
      return found;
    } catch (error) {
      if (!signal.aborted) {
        one.problem = sentence(reasonOf(error));
      }
      return undefined;
    } finally {
      one.isLoading = false;
      if (!signal.aborted) {
        changed();
      }
    }
  }

  function keepPlaceAndPut(items: readonly LiveItem[]): void {
    grid.keepPlace(() => put(items));
  }

  function end(): End {
    const { records, to, removed } = looked;
    const far = `Looked at ${records.toLocaleString()} records${to === null ? '' : `, back to ${moment(to)}`}`;
    const isLive = view.at === '';
    if (older.problem !== '' || newer.problem !== '') {
      return { text: older.problem || newer.problem, action: 'Try again' };
    }
    if (isLive && live.isSample) {
      return { text: 'There was no time to show all pictures as they came.', action: 'Show all' };
    }
    if (isStopped) {
      return { text: `${far}.`, action: 'Go on' };
    }
    if (older.isLoading) {
      return isFiltered() ? { text: `${far} …`, action: 'Stop' } : { text: 'Looking …', action: '' };
    }
    if (!older.isEnd || (shown.length === 0 && removed === 0 && !isFiltered())) {
      return { text: '', action: '' };
    }
    const reason =
      removed === 0
        ? 'This is the beginning of the topic.'
        : `The topic begins here: ${removed.toLocaleString()} older records were removed from it, by retention or by hand.`;
    return { text: isFiltered() ? `${far}. ${reason}` : reason, action: '' };
  }

  return {
    get shown() {
      return shown;
    },
    get fresh() {
      return fresh;
    },
    get end() {
      return end();
    },
    get reasons() {
      const all = new Map([...kept['dead-letters'].values(), ...shown].map((item) => [keyOf(item), item]));
      const counts = new Map<string, number>();
      for (const { deadLetter } of all.values()) {
        if (deadLetter !== undefined) {
          counts.set(deadLetter.errorClass, (counts.get(deadLetter.errorClass) ?? 0) + 1);
        }
      }
      return new Map([...counts].toSorted(([, one], [, other]) => other - one));
    },
    kept,
    go,
    take(items) {
      for (const item of items) {
        const own = kept[item.topic];
        const key = keyOf(item);
        own.set(key, item);
        if (own.size > maxItems) {
          own.delete(own.keys().next().value!);
        }
        if (isFiltered() && item.topic === view.show && matches(item)) {
          below?.items.set(key, item);
        }
      }
      showNews();
    },
    takeWhole(all) {
      whole = all;
      isReady = true;
    },
    restart(count) {
      maxItems = count;
      kept.images.clear();
      kept['dead-letters'].clear();
      whole = { images: {}, 'dead-letters': {} };
    },
    showNews,
    show,
    act() {
      const { action } = end();
      if (action === 'Show all') {
        moved(placeOf(shown[0]!), true);
        go({ ...view, at: placeOf(shown[0]!) });
        return;
      }
      isStopped = action === 'Stop';
      if (isStopped) {
        asking.abort();
        asking = new AbortController();
        older.isLoading = false;
      }
      older.problem = '';
      newer.problem = '';
      changed();
      lookAtEdges();
    },
  };
}

function way(): Way {
  return { isLoading: false, isEnd: false, problem: '' };
}

function placeOf({ partition, offset }: Item): string {
  return `${partition}@${offset}`;
}

/** A topic that was made anew has other records at the same places. */
function identityOf(item: Item): string {
  return `${keyOf(item)}/${item.topicId}`;
}

function isBefore(offset: string, from: string | undefined): boolean {
  return from !== undefined && BigInt(offset) < BigInt(from);
}

/** After the newest items of each partition. */
function newestOf(items: readonly Item[], from: Positions): Positions {
  const after = { ...from };
  for (const { partition, offset } of items) {
    if (!isBefore(offset, after[partition])) {
      after[partition] = String(BigInt(offset) + 1n);
    }
  }
  return after;
}
