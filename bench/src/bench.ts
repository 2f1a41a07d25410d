import type { Broker } from './broker.ts';
import type { Tools } from './contenders.ts';
import type { Corpus } from './corpus.ts';

/** A bucket of an object store that the environment names. */
interface Store {
  readonly bucket: string;
  /** Where it keeps a file for each object. */
  readonly folder: string;
}

/** What every part of the benchmark works with. */
export interface Bench {
  readonly broker: Broker;
  readonly rounds: number;
  /** By what counts of images are multiplied: below 1 for a quick run. */
  readonly scale: number;
  readonly tools: Tools;
  /** Why a tool is not there. */
  readonly missing: Readonly<Partial<Record<keyof Tools, string>>>;
  /** A folder with so many files; undefined where there is no Python to make them. */
  readonly folderOf: ((corpus: Corpus, count: number) => string) | undefined;
  /** Where consumers write: on the disk of the repository, since a folder in memory would not show what fsync takes. */
  readonly workFolder: string;
  /** An object store, where one is wanted. */
  readonly store: Store | undefined;
  /** Tells a person what is going on. */
  readonly report: (message: string) => void;
}
