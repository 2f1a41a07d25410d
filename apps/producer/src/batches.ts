/** Items so many at a time; the last ones also where an error follows them, which is thrown then. */
export async function* inBatches<T>(
  items: AsyncIterable<T> | Iterable<T>,
  atOnce: number,
): AsyncGenerator<T[]> {
  let batch: T[] = [];
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const item of items) {
      batch.push(item);
      if (batch.length === atOnce) {
        yield batch;
        batch = [];
      }
    }
  } catch (error) {
    failure = { error };
  }
  yield batch;
  if (failure !== undefined) {
    throw failure.error;
  }
}
