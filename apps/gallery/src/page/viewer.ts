import type { Details, Item } from '../messages.ts';
import { urlOf, ask, reasonOf, Refused } from './ask.ts';
import { age, bytes, dimensions, keyOf, moment, nameOf, typeName } from './format.ts';

/** One picture in full, with all that its record says. */
export interface Viewer {
  open(item: Item): void;
  readonly isOpen: boolean;
  /** What is shown; undefined where it is closed. */
  readonly item: Item | undefined;
  close(): void;
}

type Fact = readonly [name: string, value: string | undefined];

/** @param step asks for the picture before or after the one that is shown */
export function createViewer(step: (direction: -1 | 1) => void, closed: (item: Item) => void): Viewer {
  const dialog = element('viewer') as HTMLDialogElement;
  const image = element('viewer-image') as HTMLImageElement;
  const problem = element('viewer-problem');
  const retry = element('viewer-retry');
  let shown: Item | undefined;
  /** What is shown is asked for until something else is. */
  let asking = new AbortController();

  element('close').addEventListener('click', () => dialog.close());
  element('previous').addEventListener('click', () => step(-1));
  element('next').addEventListener('click', () => step(1));
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
    problem.hidden = true;
    retry.hidden = true;
    image.hidden = false;
    image.classList.add('loading');
    if (item.problem === undefined) {
      void loadImage(item, signal);
    } else {
      showProblem(item.problem);
    }
    showFacts(item, undefined);
    ask(`${keyOf(item)}/details`, signal).then(
      async (response) => showFacts(item, (await response.json()) as Details),
      // Without them, it is a picture all the same.
      () => {},
    );
  }

  async function loadImage(item: Item, signal: AbortSignal): Promise<void> {
    try {
      const response = await ask(`${keyOf(item)}/image`, signal);
      const blob = await response.blob();
      signal.throwIfAborted();
      clearImage();
      image.src = URL.createObjectURL(blob);
      await image.decode().catch(() => {
        throw new Refused('this browser cannot show the picture; download it', false);
      });
      image.classList.remove('loading');
    } catch (error) {
      if (!signal.aborted) {
        showProblem(reasonOf(error));
        retry.hidden = error instanceof Refused && !error.mayRetry;
      }
    }
  }

  function clearImage(): void {
    URL.revokeObjectURL(image.src);
    image.removeAttribute('src');
  }

  function showProblem(reason: string): void {
    image.hidden = true;
    problem.hidden = false;
    problem.textContent = reason;
  }

  function showFacts(item: Item, details: Details | undefined): void {
    const { deadLetter, chunks } = item;
    const groups: Fact[][] = [
      [
        ['Put aside because', deadLetter?.message],
        ['Error', deadLetter?.errorClass],
        ['Came from', deadLetter && `${deadLetter.topic}, ${deadLetter.partition}@${deadLetter.offset}`],
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
        ['Frames', item.frames?.toString()],
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
        ? [link(`${keyOf(item)}/original`, 'Download', 'as it came through the topic')]
        : []),
      ...(file ? [link(`${keyOf(item)}/file`, 'File on disk', file.path)] : []),
    );
    element('viewer-headers').replaceChildren(...factElements(details?.headers ?? []));
  }

  return {
    open(item) {
      shown = item;
      element('viewer-title').textContent = nameOf(item);
      load(item);
      if (!dialog.open) {
        dialog.showModal();
      }
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
  return facts.flatMap(([name, value]) => {
    if (value === undefined) {
      return [];
    }
    const [term, description] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = name;
    description.textContent = value;
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
