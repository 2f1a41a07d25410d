import { createReadStream } from 'node:fs';

/**
 * The values of a file that has one in JSON on each line. Not with `readline`, which from Node 24 on also ends lines at
 * U+2028 and U+2029, and JSON leaves those as they are.
 */
export async function* jsonLines<T>(file: string): AsyncGenerator<T> {
  let rest = '';
  for await (const text of createReadStream(file, 'utf8') as AsyncIterable<string>) {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      yield JSON.parse(line) as T;
    }
  }
}
