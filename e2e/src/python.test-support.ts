import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { withLock } from '@image-stream/local-kafka';

const execute = promisify(execFile);

/** Whether there is a Python that can be given packages. */
export const hasPython =
  spawnSync('python3', ['-c', 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))']).status === 0;

/** A Python with the packages of examples/requirements.txt: confluent-kafka, NumPy, Pillow, PyArrow. It is made by `preparePython`. */
export const python: string = fileURLToPath(new URL(`${environment()}/bin/python`, import.meta.url));

/** Once for each change of the requirements, by whoever needs it first: it is kept until node_modules is removed. */
export async function preparePython(): Promise<void> {
  const folder = fileURLToPath(new URL(environment(), import.meta.url));
  const installed = join(folder, 'installed');
  mkdirSync(dirname(folder), { recursive: true });
  await withLock(`${folder}.lock`, async () => {
    if (!existsSync(installed)) {
      rmSync(folder, { recursive: true, force: true });
      await execute('python3', ['-m', 'venv', folder]);
      const options = ['--quiet', '--disable-pip-version-check', '--only-binary=:all:', '--no-compile'];
      await execute(python, ['-m', 'pip', 'install', ...options, '-r', requirements()]);
      writeFileSync(installed, '');
    }
  });
}

function requirements(): string {
  return fileURLToPath(new URL('../../examples/requirements.txt', import.meta.url));
}

function environment(): string {
  const version = createHash('sha256').update(readFileSync(requirements())).digest('hex').slice(0, 12);
  return `../node_modules/.cache/python-${version}`;
}
