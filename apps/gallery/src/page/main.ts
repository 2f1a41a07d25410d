import type { Hello, LiveItem, Part, Stats, TopicName } from '../messages.ts';
import { ask, reasonOf } from './ask.ts';
import { createChart } from './chart.ts';
import { figure, keyOf } from './format.ts';
import { createGrid } from './grid.ts';
import { queryOf } from './place.ts';
import { followEvents } from './stream.ts';
import { offerTopics } from './topics.ts';
import { createViewer, element } from './viewer.ts';

/** Farther down, new pictures would move what is being looked at. */
const nearTop = 80;

/** What came live, newest last. */
const kept: Record<TopicName, Map<string, LiveItem>> = { images: new Map(), 'dead-letters': new Map() };
let hello: Hello = { topic: '', deadLetterTopic: '', group: '', maxItems: 160 };
let topic: TopicName = 'images';
let isPaused = false;
/** Of the last second; undefined while nothing comes of the server. */
let latest: Stats | undefined;
/** Why nothing comes of the server. */
let lost = '';
/** Whether what is shown is not the latest. */
let isBehind = false;
/** The part of the topic that is looked at; undefined while live. */
let past: Part | undefined;
/** What is shown, in its order. */
let shown: readonly LiveItem[] = [];

const customer = element('customer') as HTMLInputElement;
const place = element('place') as HTMLInputElement;
const grid = createGrid(
  element('grid') as HTMLUListElement,
  (item) => viewer.open(item),
  () => isBehind && showNews(),
);
const viewer = createViewer(step, (item) => {
  grid.focus(item);
  if (isBehind) {
    showNews();
  }
});
const charts = {
  images: createChart('images/s', '', figure),
  megabytes: createChart('MB/s', '', figure),
  lag: createChart('lag', 'the group has committed nothing', figure),
};
element('charts').append(charts.images.element, charts.megabytes.element, charts.lag.element);

setInterval(() => grid.refreshAges(), 5000);
// Without the choice, the page is of use all the same.
offerTopics(element('topics') as HTMLSelectElement).catch(() => {});
void followEvents(
  {
    hello(data) {
      hello = data;
      lost = '';
      document.title = `${data.topic} – gallery`;
      element('topic').textContent = data.topic;
      element('about').textContent =
        `Lag is that of group ${data.group}. The gallery only looks: it commits nothing and is in no group.`;
      kept.images.clear();
      kept['dead-letters'].clear();
    },
    items(items) {
      void grid.prepare(items).then(() => {
        items.forEach(keep);
        showCounts();
        showNews();
      });
    },
    past(all) {
      all.forEach(addStats);
      drawCharts();
    },
    stats(stats) {
      addStats(stats);
      drawCharts();
      latest = stats;
      showState();
    },
  },
  (reason) => {
    latest = undefined;
    lost = reason;
    showState();
  },
);

function keep(item: LiveItem): void {
  const items = kept[item.topic];
  items.set(keyOf(item), item);
  if (items.size > hello.maxItems) {
    items.delete(items.keys().next().value!);
  }
}

function addStats({ imagesPerSecond, bytesPerSecond, lag }: Stats): void {
  charts.images.add(imagesPerSecond);
  charts.megabytes.add(bytesPerSecond / 1e6);
  charts.lag.add(lag);
}

function drawCharts(): void {
  charts.images.draw();
  charts.megabytes.draw();
  charts.lag.draw();
}

/** How it is going in words, and in figures, which change all the time and are not to be read out. */
function showState(): void {
  const [state, words, figures] = stateOf();
  element('state').dataset['state'] = state;
  if (element('state-text').textContent !== words) {
    element('state-text').textContent = words;
  }
  element('state-figures').textContent = figures;
}

function stateOf(): readonly [state: 'live' | 'paused' | 'problem', words: string, figures: string] {
  if (latest === undefined && lost === '') {
    return ['paused', 'Connecting', ''];
  }
  if (latest === undefined) {
    return ['problem', `${sentence(lost)}; trying again`, ''];
  }
  const { problem, silentSeconds, imagesPerSecond, shownPerSecond } = latest;
  if (silentSeconds !== null) {
    return ['problem', 'No answer from Kafka', `for ${silentSeconds} s`];
  }
  if (problem !== null) {
    return ['problem', problem, ''];
  }
  if (past !== undefined) {
    return ['paused', 'Looking back', ''];
  }
  return [
    isPaused ? 'paused' : 'live',
    isPaused ? 'Paused' : 'Live',
    topic === 'images' && shownPerSecond !== null && shownPerSecond < imagesPerSecond
      ? `showing ${figure(shownPerSecond)} of ${figure(imagesPerSecond)} a second`
      : '',
  ];
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** What is to be seen: newest first while live, oldest first in a part. */
function wanted(): readonly LiveItem[] {
  const items =
    past === undefined
      ? [...kept[topic].values()].toSorted(
          (one, other) => other.timestamp - one.timestamp || Number(other.offset) - Number(one.offset),
        )
      : past.items;
  const filter = customer.value.trim().toLowerCase();
  return filter === ''
    ? items
    : items.filter(({ customerId = '' }) => customerId.toLowerCase().includes(filter));
}

function show(): void {
  isBehind = false;
  shown = wanted();
  grid.show(shown);
  element('fresh').hidden = true;
  element('empty').hidden = shown.length > 0;
  element('empty').textContent = emptyText();
  element('later').hidden = past === undefined || past.items.length === 0;
  element('past').hidden = past === undefined;
}

function emptyText(): string {
  if (customer.value.trim() !== '') {
    return `No picture of a customer like “${customer.value.trim()}” is among these.`;
  }
  if (past !== undefined) {
    return 'There is nothing from there on.';
  }
  return topic === 'images' ? 'Waiting for pictures.' : `Nothing was put aside in ${hello.deadLetterTopic}.`;
}

/** While somebody looks closer, what is new is announced and nothing moves. */
function showNews(): void {
  if (past !== undefined) {
    return;
  }
  if (!isPaused && window.scrollY < nearTop && !viewer.isOpen && !grid.isHeld) {
    show();
    return;
  }
  isBehind = true;
  const known = new Set(shown.map(keyOf));
  const fresh = wanted().filter((item) => !known.has(keyOf(item))).length;
  element('fresh').hidden = fresh === 0 || viewer.isOpen;
  element('fresh').textContent = `${fresh} new`;
}

function showCounts(): void {
  const dead = element('dead-count');
  const count = kept['dead-letters'].size;
  dead.hidden = count === 0;
  dead.textContent = count < hello.maxItems ? String(count) : `${count}+`;
  const all = [...kept.images.values(), ...kept['dead-letters'].values()];
  const names = [...new Set(all.flatMap(({ customerId }) => customerId ?? []))].toSorted().slice(0, 100);
  const list = element('customers');
  if (names.length !== list.childElementCount) {
    list.replaceChildren(
      ...names.map((name) => {
        const option = document.createElement('option');
        option.value = name;
        return option;
      }),
    );
  }
}

function choose(name: TopicName): void {
  topic = name;
  for (const one of ['images', 'dead-letters'] as const) {
    element(`tab-${one}`).setAttribute('aria-pressed', String(one === name));
  }
  goLive();
}

function goLive(): void {
  grid.release();
  past = undefined;
  place.value = '';
  element('jump-problem').hidden = true;
  setPaused(false);
}

function setPaused(paused: boolean): void {
  isPaused = paused;
  element('pause').setAttribute('aria-pressed', String(paused));
  element('pause').textContent = paused ? 'Resume' : 'Pause';
  showState();
  show();
}

async function jump(): Promise<void> {
  const query = queryOf(place.value);
  if (place.value.trim() === '') {
    goLive();
    return;
  }
  const part =
    query === undefined
      ? 'That is no place: write a time such as 14:05 or 2026-11-24 14:05, how long ago such as 2h, or partition@offset such as 0@1234'
      : await partAt(query);
  const problem = element('jump-problem');
  problem.hidden = typeof part !== 'string';
  if (typeof part === 'string') {
    problem.textContent = part;
    return;
  }
  past = part;
  element('past-text').textContent = `From ${place.value.trim()} on, oldest first`;
  showState();
  show();
  window.scrollTo({ top: 0 });
}

/** @returns the part, or why there is none */
async function partAt(query: string): Promise<Part | string> {
  try {
    const response = await ask(`${topic}?${query}`);
    return (await response.json()) as Part;
  } catch (error) {
    return sentence(reasonOf(error));
  }
}

async function showLater(): Promise<void> {
  if (past === undefined) {
    return;
  }
  const before = past;
  const from = Object.entries(before.next)
    .map(([partition, offset]) => `${partition}@${offset}`)
    .join(',');
  const part = await partAt(`from=${from}`);
  if (typeof part !== 'string' && past === before) {
    past = { items: [...before.items, ...part.items].slice(-hello.maxItems), next: part.next };
    show();
  }
}

function step(direction: -1 | 1): void {
  const key = viewer.item && keyOf(viewer.item);
  const target = shown[shown.findIndex((item) => keyOf(item) === key) + direction];
  if (target !== undefined) {
    viewer.open(target);
  }
}

element('tab-images').addEventListener('click', () => choose('images'));
element('tab-dead-letters').addEventListener('click', () => choose('dead-letters'));
element('pause').addEventListener('click', () => setPaused(!isPaused));
element('to-live').addEventListener('click', goLive);
element('later').addEventListener('click', () => void showLater());
element('fresh').addEventListener('click', () => {
  grid.release();
  window.scrollTo({ top: 0 });
  setPaused(false);
});
customer.addEventListener('input', show);
element('jump').addEventListener('submit', (event) => {
  event.preventDefault();
  void jump();
});
window.addEventListener('scroll', () => {
  if (isBehind) {
    showNews();
  }
});

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const isTyping = event.target instanceof HTMLInputElement;
  if (isTyping) {
    if (event.key === 'Escape') {
      event.target.blur();
    }
    return;
  }
  if (viewer.isOpen) {
    if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
      step(event.key === 'ArrowLeft' ? -1 : 1);
      event.preventDefault();
    }
    return;
  }
  const actions: Record<string, () => void> = {
    p: () => setPaused(!isPaused),
    '/': () => customer.focus(),
    g: () => place.focus(),
    Escape: goLive,
  };
  if (event.key.startsWith('Arrow') ? grid.move(event.key) : actions[event.key] !== undefined) {
    actions[event.key]?.();
    event.preventDefault();
  }
});
