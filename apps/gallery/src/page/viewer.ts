import type { Details, Item, LiveItem } from '../messages.ts';
import { ask, urlOf, reasonOf, Refused } from './ask.ts';
import { addressOf, age, bdi, bytes, dimensions, framesOf, moment, nameOf, typeName } from './format.ts';
import { createZoom } from './zoom.ts';

/** One picture in full, with all that its record says. */
export interface Viewer {
  open(item: Item): void;
  /** A key was pressed while it is open. @returns whether that means something */
  press(key: string): boolean;
  readonly isOpen: boolean;
  /** What is shown; undefined where it is closed. */
  readonly item: Item | undefined;
  close(): void;
}

type Fact = readonly [name: string, value: string | undefined, href?: string | undefined];

/** What the viewer asks of the page. */
export interface ViewerOptions {
  /** Goes to the picture before or after the one that is shown. */
  readonly step: (direction: -1 | 1) => void;
  readonly closed: (item: Item) => void;
  /** The address of the record that a dead letter was, where this gallery shows its topic. */
  readonly sourceOf: (item: Item) => string | undefined;
}

export function createViewer({ step, closed, sourceOf }: ViewerOptions): Viewer {
  const dialog = element('viewer') as HTMLDialogElement;
  const image = element('viewer-image') as HTMLImageElement;
  const thumbnail = element('viewer-thumbnail') as HTMLImageElement;
  const frame = element('viewer-frame');
  const problem = element('viewer-problem');
  const retry = element('viewer-retry');
  const contrast = element('stretch');
  const zoom = createZoom(element('stage'), frame, (pixel) => {
    element('zoom-fit').textContent = `${Math.round(pixel * 100)} %`;
    element('zoom-fit').setAttribute('aria-label', `Show all of it; now at ${Math.round(pixel * 100)} %`);
  });
  let shown: Item | undefined;
  let isStretched = false;
  /** What is shown is asked for until something else is. */
  let asking = new AbortController();

  const actions: Record<string, () => void> = {
    '+': () => zoom.by(1.5),
    '=': () => zoom.by(1.5),
    '-': () => zoom.by(1 / 1.5),
    '0': () => zoom.reset(),
    c: () => void (contrast.hidden || toggleContrast()),
    ArrowLeft: () => (zoom.isZoomed ? zoom.pan(-0.25, 0) : step(-1)),
    ArrowRight: () => (zoom.isZoomed ? zoom.pan(0.25, 0) : step(1)),
    ArrowUp: () => zoom.pan(0, -0.25),
    ArrowDown: () => zoom.pan(0, 0.25),
  };
  element('zoom-in').addEventListener('click', actions['+']!);
  element('zoom-out').addEventListener('click', actions['-']!);
  element('zoom-fit').addEventListener('click', () => zoom.reset());
  element('close').addEventListener('click', () => dialog.close());
  element('previous').addEventListener('click', () => step(-1));
  element('next').addEventListener('click', () => step(1));
  contrast.addEventListener('click', toggleContrast);
  retry.addEventListener('click', () => load(shown!));
  dialog.addEventListener('close', () => {
    const item = shown!;
    shown = undefined;
    asking.abort();
    clearImage();
    closed(item);
  });

  function load(item: Item): void {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const isPicture = item.problem === undefined;
    problem.hidden = true;
    retry.hidden = true;
    clearImage();
    thumbnail.removeAttribute('src');
    frame.hidden = !isPicture;
    contrast.hidden = !isPicture || (item.frames ?? 1) > 1;
    image.alt = `${nameOf(item)}${item.customerId === undefined ? '' : `, of customer ${item.customerId}`}`;
    if (isPicture) {
      // It is cut to the middle, and so it is seen where the middle of the picture will be.
      thumbnail.src = (item as LiveItem).thumbnail ?? urlOf(addressOf(item, 'thumbnail'));
      zoom.fit(item.width ?? 400, item.height ?? 400);
      void loadImage(item, signal);
    } else {
      showProblem(item.problem);
    }
    showFacts(item, undefined);
    ask(addressOf(item, 'details'), signal)
      .then(async (response) => showFacts(item, (await response.json()) as Details))
      // Without them, it is a picture all the same; and they may break off while they come.
      .catch(() => {});
  }

  async function loadImage(item: Item, signal: AbortSignal): Promise<void> {
    frame.classList.add('loading');
    frame.setAttribute('aria-busy', 'true');
    try {
      const response = await ask(addressOf(item, isStretched ? 'stretched' : 'image'), signal);
      const blob = await response.blob();
      signal.throwIfAborted();
      clearImage();
      image.src = URL.createObjectURL(blob);
      await image.decode().catch(() => {
        signal.throwIfAborted();
        throw new Refused('this browser cannot show the picture; download it', false);
      });
      // It may be turned.
      const isKnown = item.width === image.naturalWidth && item.height === image.naturalHeight;
      if (!isKnown) {
        zoom.fit(image.naturalWidth, image.naturalHeight);
      }
      frame.classList.remove('loading');
      frame.removeAttribute('aria-busy');
    } catch (error) {
      if (!signal.aborted) {
        showProblem(reasonOf(error));
        retry.hidden = error instanceof Refused && !error.mayRetry;
      }
    }
  }

  /** The picture stays where it is until it is there in its other form. */
  function toggleContrast(): void {
    isStretched = !isStretched;
    contrast.setAttribute('aria-pressed', String(isStretched));
    asking.abort();
    asking = new AbortController();
    void loadImage(shown!, asking.signal);
  }

  function clearImage(): void {
    URL.revokeObjectURL(image.src);
    image.removeAttribute('src');
  }

  function showProblem(reason: string): void {
    frame.hidden = true;
    problem.hidden = false;
    problem.textContent = reason;
  }

  function showFacts(item: Item, details: Details | undefined): void {
    const { deadLetter, chunks } = item;
    const groups: Fact[][] = [
      [
        ['Put aside because', deadLetter?.message],
        ['Error', deadLetter?.errorClass],
        [
          'Came from',
          deadLetter && `${deadLetter.topic}, ${deadLetter.partition}@${deadLetter.offset}`,
          sourceOf(item),
        ],
      ],
      [
        ['Customer', item.customerId],
        ['Id', item.id],
        ['Source', item.source],
        ['Created', item.createdAt && moment(Date.parse(item.createdAt))],
      ],
      [
        ['Type', item.type && typeName(item.type)],
        ['Pixels', dimensions(item)],
        ['Animation', framesOf(item)],
        ['Image', item.imageBytes === undefined ? undefined : bytes(item.imageBytes)],
        ['Compression', item.compression],
      ],
      [
        ['Partition', String(item.partition)],
        ['Offset', item.offset],
        [
          'Record',
          `${bytes(item.recordBytes)}${chunks && chunks.count > 1 ? `, one of ${chunks.count} chunks` : ''}`,
        ],
        ['Format', item.format],
        ['Sent', when(deadLetter?.timestamp ?? item.timestamp)],
        ['Put aside', deadLetter && when(item.timestamp)],
        ['Key', details?.key === item.id ? undefined : (details?.key ?? undefined)],
      ],
    ];
    element('viewer-facts').replaceChildren(
      ...groups.map((facts) => listOf(facts)).filter((list) => list.childElementCount > 0),
    );
    const file = details?.file;
    element('viewer-actions').replaceChildren(
      ...(item.problem === undefined
        ? [link(addressOf(item, 'original'), 'Download', 'as it came through the topic')]
        : []),
      ...(file ? [link(addressOf(item, 'file'), 'File on disk', file.path)] : []),
      link(addressOf(item, 'record'), 'Raw record', 'key, headers and value, as JSON with base64'),
    );
    element('viewer-headers').replaceChildren(...factElements(details?.headers ?? []));
  }

  return {
    open(item) {
      shown = item;
      const name = bdi(nameOf(item));
      name.title = nameOf(item);
      element('viewer-title').replaceChildren(name);
      if (!dialog.open) {
        dialog.showModal();
      }
      load(item);
    },
    press(key) {
      // What is beside the picture is scrolled with them.
      if (!Object.hasOwn(actions, key) || (!zoom.isZoomed && (key === 'ArrowUp' || key === 'ArrowDown'))) {
        return false;
      }
      actions[key]!();
      return true;
    },
    get isOpen() {
      return dialog.open;
    },
    get item() {
      return shown;
    },
    close: () => dialog.close(),
  };
}

function when(timestamp: number): string {
  return `${moment(timestamp)} (${agePhrase(timestamp)})`;
}

function agePhrase(timestamp: number): string {
  const since = age(timestamp);
  return since === 'now' ? 'just now' : `${since} ago`;
}

/** An element of the page, which is there. */
export function element(id: string): HTMLElement {
  return document.getElementById(id)!;
}

function listOf(facts: readonly Fact[]): HTMLDListElement {
  const list = document.createElement('dl');
  list.className = 'facts';
  list.append(...factElements(facts));
  return list;
}

function factElements(facts: readonly Fact[]): HTMLElement[] {
  return facts.flatMap(([name, value, href]) => {
    if (value === undefined) {
      return [];
    }
    const [term, description] = [document.createElement('dt'), document.createElement('dd')];
    term.append(bdi(name));
    if (href === undefined) {
      description.append(bdi(value));
    } else {
      const anchor = document.createElement('a');
      anchor.href = href;
      anchor.append(bdi(value));
      description.append(anchor);
    }
    return [term, description];
  });
}

function link(path: string, label: string, title: string): HTMLAnchorElement {
  const anchor = document.createElement('a');
  anchor.href = urlOf(path);
  anchor.textContent = label;
  anchor.title = title;
  anchor.className = 'button';
  return anchor;
}
