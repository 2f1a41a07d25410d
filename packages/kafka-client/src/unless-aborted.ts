/**
 * The result of what is waited for, such as a broker's answer; undefined as soon as `signal` is aborted, and what comes
 * later is dropped.
 */
export function unlessAborted<T>(signal: AbortSignal, result: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) {
      stop();
    }
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
