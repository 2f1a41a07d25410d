import { ask, topicOfPage } from './ask.ts';

/** Offers the topics that the gallery shows, unless there is only the one that is looked at. */
export async function offerTopics(choice: HTMLSelectElement): Promise<void> {
  const { topics } = (await (await ask('topics')).json()) as { readonly topics: readonly string[] };
  const topic = topicOfPage() ?? topics[0]!;
  if (topics.every((name) => name === topic)) {
    return;
  }
  choice.replaceChildren(...topics.map((name) => new Option(name)));
  // Of a topic that is none of them, nothing is chosen.
  choice.selectedIndex = topics.indexOf(topic);
  choice.hidden = false;
  // The page has keys of its own.
  choice.addEventListener('keydown', (event) => event.stopPropagation());
  choice.addEventListener('change', () => {
    location.search = new URLSearchParams({ topic: choice.value }).toString();
  });
}
