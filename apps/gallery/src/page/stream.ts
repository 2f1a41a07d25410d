import type { Events } from '../messages.ts';
import { ask, reasonOf } from './ask.ts';

/** Who is told what. */
export type Takers = { readonly [Name in keyof Events]: (data: Events[Name]) => void };

/** The server says something every second. */
const silentMs = 5000;

/** Between attempts, in milliseconds; the last one repeats. */
const pausesMs = [500, 1000, 2000, 4000, 8000];

/**
 * Follows what is new for as long as the page is open. While the page is hidden it gives its connection back, since a browser has
 * six of them for all its tabs.
 *
 * @param lost is told why nothing comes; it is tried again
 */
export async function followEvents(takers: Takers, lost: (reason: string) => void): Promise<never> {
  for (let failures = 0; ;) {
    await shown();
    const connection = new AbortController();
    const end = (): void => connection.abort();
    document.addEventListener('visibilitychange', end);
    try {
      await read(connection, takers, () => (failures = 0));
    } catch (error) {
      if (!document.hidden) {
        lost(reasonOf(error));
      }
    } finally {
      document.removeEventListener('visibilitychange', end);
    }
    if (!document.hidden) {
      await pause(pausesMs[Math.min(failures, pausesMs.length - 1)]!);
      failures += 1;
    }
  }
}

async function read(connection: AbortController, takers: Takers, began: () => void): Promise<never> {
  const { body } = await ask('events', connection.signal);
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    let text = '';
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      clearTimeout(timer);
      timer = setTimeout(() => connection.abort(), silentMs);
      const { done, value = '' } = await reader.read();
      if (done) {
        throw new Error('the server has ended the stream');
      }
      began();
      const lines = `${text}${value}`.split('\n');
      text = lines.pop()!;
      lines.forEach((line) => take(takers, JSON.parse(line) as Partial<Events>));
    }
  } finally {
    clearTimeout(timer);
    connection.abort();
  }
}

function take(takers: Takers, line: Partial<Events>): void {
  for (const [name, data] of Object.entries(line)) {
    takers[name as keyof Events](data as never);
  }
}

/** Until the page can be seen. */
async function shown(): Promise<void> {
  while (document.hidden) {
    await new Promise((resolve) => {
      document.addEventListener('visibilitychange', resolve, { once: true });
    });
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
