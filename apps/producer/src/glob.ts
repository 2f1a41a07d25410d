import { isAbsolute, join } from 'node:path';
import picomatch from 'picomatch';
import { isUnfinished, slashes, walk } from './walk.ts';
import type { Found } from './walk.ts';

/** Whether a text is a glob rather than a plain path. */
export function isGlob(text: string): boolean {
  return picomatch.scan(text).isGlob;
}

/**
 * The files that a glob matches, found by a walk from the folder before its first wildcard, so that the rules of walks hold. Hidden
 * files are matched where the glob spells the dot, and unfinished ones where it spells their ending.
 *
 * @param cwd where a relative glob begins
 */
export async function* globFiles(pattern: string, cwd: string): AsyncGenerator<Found> {
  const { base: escaped, glob } = picomatch.scan(slashes(pattern));
  const base = escaped.replaceAll(/\\(.)/g, '$1');
  const folder = isAbsolute(base) ? base : join(cwd, base);
  const takes = picomatch(glob);
  const enters = foldersOf(glob);
  const takesUnfinished = isUnfinished(glob);
  const rule = {
    enters,
    takes: (path: string) => takes(path) && (takesUnfinished || !isUnfinished(path)),
  };
  for await (const found of walk(folder, rule)) {
    yield { ...found, relativePath: slashes(join(base, found.relativePath)) };
  }
}

/** Which folders can hold a match: those whose names match as many segments of the glob, and all below a `**`. */
function foldersOf(glob: string): (relativePath: string) => boolean {
  // A slash within braces or parentheses is no border of segments: such a glob goes everywhere.
  const isPlain = !/[{(][^})]*\//.test(glob);
  const segments = isPlain ? glob.split('/') : ['**'];
  const deep = segments.findIndex((segment) => segment.includes('**'));
  // Without a `**`, all but the last one, which is the file's.
  const matchers = segments.slice(0, deep).map((segment) => picomatch(segment));
  return (relativePath) => {
    const names = relativePath.split('/');
    return (
      (deep !== -1 || names.length <= matchers.length) &&
      names.every((name, index) => matchers[index]?.(name) ?? !name.startsWith('.'))
    );
  };
}
