import type { Details, Hello, Item, Stats, TopicName } from '../messages.ts';
import { searchOf, viewOf } from './address.ts';
import type { View } from './address.ts';
import { ask, reasonOf } from './ask.ts';
import { createChart } from './chart.ts';
import { bdi, figure, keyOf, moment, sentence } from './format.ts';
import { createGrid } from './grid.ts';
import { createLooking } from './looking.ts';
import { placeInWords, placeOf } from './place.ts';
import { followEvents } from './stream.ts';
import { offerTopics } from './topics.ts';
import { createViewer, element } from './viewer.ts';

/** The server is asked for each filter, and not for each letter. */
const typingMs = 250;

let hello: Hello = { topic: '', deadLetterTopic: '', group: '', maxItems: 160 };
withoutLogin();
/** As the address says. */
let view = viewOf(location.search);
let isPaused = false;
/** Of the last second; undefined while nothing comes of the server. */
let latest: Stats | undefined;
/** Why nothing comes of the server. */
let lost = '';

// What is scrolled to follows from the address.
history.scrollRestoration = 'manual';

const customer = element('customer') as HTMLInputElement;
const id = element('id') as HTMLInputElement;
const place = element('place') as HTMLInputElement;
const grid = createGrid(
  element('grid') as HTMLUListElement,
  (item) => openPicture(item),
  () => looking.showNews(),
);
const looking = createLooking({
  grid,
  newerEdge: element('newer-edge'),
  olderEdge: element('older-edge'),
  isHeld: () => isPaused || viewer.isOpen || grid.isHeld,
  changed: showWhatIs,
  moved(at, isNew) {
    view = { ...view, at };
    setAddress(isNew);
    showState();
    showPlace();
  },
  failed: showProblem,
});
const viewer = createViewer({
  step,
  closed(item) {
    if (view.open !== '') {
      leavePicture();
    }
    grid.focus(item);
    looking.showNews();
  },
  sourceOf({ deadLetter }) {
    return deadLetter?.topic === hello.topic
      ? searchOf(
          {
            ...viewOf(''),
            at: `${deadLetter.partition}@${deadLetter.offset}`,
            open: `images/${deadLetter.partition}/${deadLetter.offset}`,
          },
          location.search,
        )
      : undefined;
  },
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
follow(view);
void followEvents(
  {
    hello(data) {
      hello = data;
      lost = '';
      document.title = `${data.topic} – gallery`;
      element('topic').textContent = data.topic;
      element('about').textContent =
        `Lag is that of group ${data.group}. The gallery only looks: it commits nothing and is in no group.`;
      looking.restart(data.maxItems);
    },
    whole: (whole) => looking.takeWhole(whole),
    items(items) {
      void grid.prepare(items).then(() => {
        looking.take(items);
        showCounts();
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
  if (view.at !== '') {
    return ['paused', 'Looking back', ''];
  }
  return [
    isPaused ? 'paused' : 'live',
    isPaused ? 'Paused' : 'Live',
    view.show === 'images' && shownPerSecond !== null && shownPerSecond < imagesPerSecond
      ? `showing ${figure(shownPerSecond)} of ${figure(imagesPerSecond)} a second`
      : '',
  ];
}

/**
 * Loads the page again where its address has a login in it, which the browser knows from then on: it hides that login from the page, and
 * then refuses the page any change of its address.
 */
function withoutLogin(): void {
  try {
    history.replaceState(history.state, '', location.href);
  } catch {
    location.replace(location.href);
  }
}

/** Goes to a view, and notes it where the browser goes back to. */
function goTo(next: View): void {
  view = next;
  setAddress(true);
  follow(view);
}

function setAddress(isNew: boolean, state: unknown = null): void {
  const address = new URL(location.href);
  address.search = searchOf(view, location.search);
  if (isNew) {
    history.pushState(state, '', address);
  } else {
    history.replaceState(history.state, '', address);
  }
}

/** Makes the page show what the address says. */
function follow(next: View): void {
  view = next;
  for (const one of ['images', 'dead-letters'] as const) {
    element(`tab-${one}`).setAttribute('aria-pressed', String(one === view.show));
  }
  for (const [input, text] of [
    [customer, view.customer],
    [id, view.id],
  ] as const) {
    if (input.value.trim() !== text) {
      input.value = text;
    }
  }
  element('jump-problem').hidden = true;
  looking.go(view);
  showState();
  showPlace();
  void followPicture(view.open);
}

/** Opens or closes the picture that the address names, which need not be among those that are shown. */
async function followPicture(key: string): Promise<void> {
  if (key === '') {
    viewer.close();
    return;
  }
  if (viewer.item !== undefined && keyOf(viewer.item) === key) {
    return;
  }
  const known = looking.shown.find((item) => keyOf(item) === key);
  if (known !== undefined) {
    viewer.open(known);
    return;
  }
  try {
    const { item } = (await (await ask(`${key}/details`)).json()) as Details;
    if (view.open === key) {
      viewer.open(item);
    }
  } catch (error) {
    showProblem(sentence(reasonOf(error)));
  }
}

function openPicture(item: Item): void {
  view = { ...view, open: keyOf(item) };
  // Going back closes it.
  setAddress(!viewer.isOpen, { isPicture: true });
  viewer.open(item);
}

function leavePicture(): void {
  view = { ...view, open: '' };
  if ((history.state as { isPicture?: boolean } | null)?.isPicture === true) {
    history.back();
  } else {
    setAddress(false);
  }
}

function step(direction: -1 | 1): void {
  const { shown } = looking;
  const key = viewer.item && keyOf(viewer.item);
  const index = shown.findIndex((item) => keyOf(item) === key);
  const target = shown[index + direction];
  if (index !== -1 && target !== undefined) {
    openPicture(target);
  }
}

function showProblem(reason: string): void {
  element('jump-problem').hidden = false;
  element('jump-problem').textContent = reason;
}

/** What the pictures are that are shown, and what lies around them. */
function showWhatIs(): void {
  const { shown, fresh, end } = looking;
  element('fresh').hidden = fresh === 0 || viewer.isOpen || view.at !== '';
  element('fresh').textContent = `${fresh} new`;
  element('empty').hidden = shown.length > 0;
  element('empty').textContent = emptyText();
  element('end').hidden = end.text === '';
  element('end-text').textContent = end.text;
  element('end-action').hidden = end.action === '';
  element('end-action').textContent = end.action;
  showReasons();
  showPlace();
}

function emptyText(): string {
  const wanted = [
    view.customer === '' ? '' : ` of a customer like “${view.customer}”`,
    view.id === '' ? '' : ` with an id or a file name like “${view.id}”`,
  ].join('');
  if (wanted !== '') {
    return `No picture${wanted} has been found.`;
  }
  if (view.at !== '' || view.reason !== '') {
    return '';
  }
  return view.show === 'images'
    ? 'Waiting for pictures.'
    : `Nothing was put aside in ${hello.deadLetterTopic}.`;
}

/** Where the reader is, where that is not what is new. */
function showPlace(): void {
  element('past').hidden = view.at === '';
  const item = looking.shown.find(({ partition, offset }) => `${partition}@${offset}` === view.at);
  const words = `${item === undefined ? '' : `${moment(item.timestamp)}, `}${placeInWords(view.at)}`;
  element('past-text').textContent = `At ${words}: what is newer is above, what is older below`;
}

/** Dead letters by their reasons: one of them can be chosen. */
function showReasons(): void {
  const root = element('reasons');
  const reasons = new Map(looking.reasons);
  if (view.reason !== '' && !reasons.has(view.reason)) {
    reasons.set(view.reason, 0);
  }
  root.hidden = view.show !== 'dead-letters' || reasons.size === 0;
  const texts = [...reasons].map(([reason, count]) => `${reason} ${count}`);
  if (root.dataset['shown'] === `${view.reason} ${texts.join()}`) {
    return;
  }
  root.dataset['shown'] = `${view.reason} ${texts.join()}`;
  root.replaceChildren(
    ...[...reasons].map(([reason, count]) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.setAttribute('aria-pressed', String(reason === view.reason));
      button.title = 'As many as are known of them; choose one to see all';
      const number = document.createElement('span');
      number.textContent = String(count);
      button.append(bdi(reason), ' ', number);
      button.addEventListener('click', () => {
        grid.release();
        goTo({ ...view, reason: reason === view.reason ? '' : reason, at: '' });
      });
      return button;
    }),
  );
}

function showCounts(): void {
  const dead = element('dead-count');
  const count = looking.kept['dead-letters'].size;
  dead.hidden = count === 0;
  dead.textContent = count < hello.maxItems ? String(count) : `${count}+`;
  const all = [...looking.kept.images.values(), ...looking.kept['dead-letters'].values()];
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
  grid.release();
  goTo({ ...view, show: name, reason: '', at: '', open: '' });
  setPaused(false);
}

function goLive(): void {
  grid.release();
  place.value = '';
  if (view.at === '') {
    element('jump-problem').hidden = true;
  } else {
    goTo({ ...view, at: '' });
  }
  window.scrollTo({ top: 0 });
  setPaused(false);
}

function setPaused(paused: boolean): void {
  isPaused = paused;
  element('pause').setAttribute('aria-pressed', String(paused));
  element('pause').textContent = paused ? 'Resume' : 'Pause';
  showState();
  if (!paused) {
    looking.show();
  }
}

function jump(): void {
  if (place.value.trim() === '') {
    goLive();
    return;
  }
  const at = placeOf(place.value);
  if (at === undefined) {
    showProblem(
      'That is no place: write a time such as 14:05 or 2026-11-24 14:05, how long ago such as 2h, or partition@offset such as 0@1234',
    );
    return;
  }
  // Keys are for the pictures from now on.
  place.blur();
  goTo({ ...view, at });
}

/** While somebody types, the address changes with it, and going back undoes all of it. */
function filter(): void {
  const isNew = view.customer === '' && view.id === '';
  // An id is looked for in all of the topic.
  const at = id.value.trim() === view.id ? view.at : '';
  view = { ...view, customer: customer.value.trim(), id: id.value.trim(), at };
  setAddress(isNew);
  follow(view);
}

element('tab-images').addEventListener('click', () => choose('images'));
element('tab-dead-letters').addEventListener('click', () => choose('dead-letters'));
element('pause').addEventListener('click', () => setPaused(!isPaused));
element('to-live').addEventListener('click', goLive);
element('end-action').addEventListener('click', () => looking.act());
element('fresh').addEventListener('click', () => {
  grid.release();
  window.scrollTo({ top: 0 });
  setPaused(false);
});
element('find').addEventListener('click', () => {
  const isOpen = element('tools').classList.toggle('open');
  element('find').setAttribute('aria-expanded', String(isOpen));
});
let typing: ReturnType<typeof setTimeout> | undefined;
for (const input of [customer, id]) {
  input.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(filter, typingMs);
  });
}
element('jump').addEventListener('submit', (event) => {
  event.preventDefault();
  jump();
});
window.addEventListener('scroll', () => {
  if (looking.fresh > 0) {
    looking.showNews();
  }
});
window.addEventListener('popstate', () => follow(viewOf(location.search)));

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
    if (viewer.press(event.key)) {
      event.preventDefault();
    }
    return;
  }
  const actions: Record<string, () => void> = {
    p: () => setPaused(!isPaused),
    '/': () => focusOn(customer),
    i: () => focusOn(id),
    g: () => focusOn(place),
    Escape: goLive,
  };
  const isMove = event.key.startsWith('Arrow') || event.key === 'Home' || event.key === 'End';
  if (isMove ? grid.move(event.key) : Object.hasOwn(actions, event.key)) {
    actions[event.key]?.();
    event.preventDefault();
  }
});

function focusOn(input: HTMLInputElement): void {
  element('tools').classList.add('open');
  element('find').setAttribute('aria-expanded', 'true');
  input.focus();
}
