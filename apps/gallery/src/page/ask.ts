/** The server has not given what it was asked for; the message says why, for people. */
export class Refused extends Error {
  override readonly name = 'Refused';
  /** Whether the same request may succeed later. */
  readonly mayRetry: boolean;

  constructor(message: string, mayRetry: boolean, cause?: unknown) {
    super(message, { cause });
    this.mayRetry = mayRetry;
  }
}

/** The topic that the page is about, as its address says; null: the first one of the gallery. */
export function topicOfPage(): string | null {
  return new URLSearchParams(location.search).get('topic');
}

/**
 * Where something of the page's topic is: below the page's own address, without a login that somebody has typed into that, which
 * browsers refuse.
 */
export function urlOf(path: string): string {
  const url = new URL(path, `${location.origin}${location.pathname}`);
  const topic = topicOfPage();
  if (topic !== null) {
    url.searchParams.set('topic', topic);
  }
  return url.href;
}

/** Longer than the server takes to say that it has no answer. */
const answerMs = 15_000;

/**
 * Asks the server.
 *
 * @throws Refused; the reason of `signal` where that is aborted
 */
export async function ask(path: string, signal?: AbortSignal): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), answerMs);
  const signals = signal === undefined ? [late.signal] : [late.signal, signal];
  let response: Response;
  try {
    response = await fetch(urlOf(path), { signal: AbortSignal.any(signals) });
  } catch (error) {
    signal?.throwIfAborted();
    throw new Refused('the gallery does not answer', true, error);
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) {
    const { error = `the gallery answers with status ${response.status}` } = (await response
      .json()
      .catch(() => ({}))) as { error?: string };
    throw new Refused(error, response.status >= 500);
  }
  return response;
}

/** Why something did not come, for people. */
export function reasonOf(error: unknown): string {
  return error instanceof Refused ? error.message : 'the connection to the gallery broke off';
}
