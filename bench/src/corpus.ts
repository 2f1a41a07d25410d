import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { extname, join } from 'node:path';
import { peerScript } from './python.ts';

/** Kinds of files that can be sent; each is a folder that `peers/corpus.py` makes. */
export type Corpus =
  | 'photographs-npy'
  | 'photographs-jpeg'
  | 'screenshots-npy'
  | 'screenshots-jpeg'
  | 'thumbnails'
  | 'large';

/** Makes the pictures once, and folders of as many of them as wanted. */
export function openCorpora(cache: string, python: string): (corpus: Corpus, count: number) => string {
  const pictures = join(cache, 'pictures');
  if (!existsSync(pictures)) {
    console.error('Making pictures ...');
    const unfinished = `${pictures}.part`;
    rmSync(unfinished, { recursive: true, force: true });
    execFileSync(python, ['-B', peerScript('corpus.py'), unfinished]);
    renameSync(unfinished, pictures);
  }
  return (corpus, count) => {
    const folder = join(cache, 'folders', `${corpus}-${count}`);
    if (!existsSync(folder)) {
      const originals = readdirSync(join(pictures, corpus)).toSorted();
      mkdirSync(folder, { recursive: true });
      for (let index = 0; index < count; index++) {
        // Names of their own make them images of their own.
        const original = originals[index % originals.length]!;
        const name = `${String(index).padStart(6, '0')}${extname(original)}`;
        linkSync(join(pictures, corpus, original), join(folder, name));
      }
    }
    return folder;
  };
}
