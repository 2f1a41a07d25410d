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

/** Where something of the server is: below the page's own address, without a login that somebody has typed into that. */
export function addressOf(path: string): string {
  return new URL(path, `${location.origin}${location.pathname}`).href;
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
    response = await fetch(addressOf(path), { signal: AbortSignal.any(signals) });
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
