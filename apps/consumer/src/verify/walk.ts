import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { VerifyError } from './verify-error.ts';

/** @throws VerifyError where there is no such folder: everything would be missing, and nothing is proven by that */
export async function assertFolder(directory: string): Promise<void> {
  const isFolder = await stat(directory).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    throw new VerifyError(
      `there is no folder ${directory}; name the one of the consumer with --output-directory`,
    );
  }
}

/**
 * The files in the places of images, with their paths below the directory: `customer=<id>/date=<day>/<name>`. One
 * entry at a time, so that a folder may hold millions. Links are listed and not followed.
 *
 * @throws VerifyError where a folder cannot be read
 */
export async function* imageFiles(directory: string): AsyncGenerator<string> {
  try {
    for await (const customer of folders(directory, 'customer=')) {
      for await (const date of folders(join(directory, customer), 'date=')) {
        for await (const entry of await opendir(join(directory, customer, date))) {
          if (!entry.isDirectory()) {
            yield `${customer}/${date}/${entry.name}`;
          }
        }
      }
    }
  } catch (error) {
    throw new VerifyError(`cannot list the files of ${directory}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function* folders(parent: string, prefix: string): AsyncGenerator<string> {
  for await (const entry of await opendir(parent)) {
    if (entry.isDirectory() && entry.name.startsWith(prefix)) {
      yield entry.name;
    }
  }
}
