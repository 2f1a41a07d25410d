import type { Details, Item } from '../messages.ts';
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
  let shown: Item | undefined;

  element('close').addEventListener('click', () => dialog.close());
  element('previous').addEventListener('click', () => step(-1));
  element('next').addEventListener('click', () => step(1));
  dialog.addEventListener('close', () => {
    const item = shown!;
    shown = undefined;
    image.removeAttribute('src');
    closed(item);
  });
  image.addEventListener('load', () => image.classList.remove('loading'));
  image.addEventListener('error', () => {
    const item = shown;
    void (item && explain(item));
  });

  /** An image that failed says nothing; the server does. */
  async function explain(item: Item): Promise<void> {
    const reason = await fetch(`${keyOf(item)}/image`)
      .then(async (response) => ((await response.json()) as { error?: string }).error)
      .catch(() => undefined);
    if (shown === item) {
      showProblem(reason ?? 'the picture cannot be shown');
    }
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
      problem.hidden = true;
      image.hidden = false;
      image.classList.add('loading');
      if (item.problem === undefined) {
        image.src = `${keyOf(item)}/image`;
      } else {
        showProblem(item.problem);
      }
      showFacts(item, undefined);
      void fetch(`${keyOf(item)}/details`)
        .then(async (response) => (response.ok ? ((await response.json()) as Details) : undefined))
        .catch(() => undefined)
        .then((details) => {
          if (shown === item) {
            showFacts(item, details);
          }
        });
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

function link(href: string, label: string, title: string): HTMLAnchorElement {
  const anchor = document.createElement('a');
  anchor.href = href;
  anchor.textContent = label;
  anchor.title = title;
  anchor.className = 'button';
  return anchor;
}
