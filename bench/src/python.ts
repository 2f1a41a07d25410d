import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** A script of `peers/`. */
export const peerScript = (name: string): string =>
  fileURLToPath(new URL(`../peers/${name}`, import.meta.url));

/**
 * A Python with the packages of `peers/requirements.txt`, in a virtual environment that is made once.
 *
 * @returns the path of its interpreter, or the reason why there is none
 */
export async function preparePython(cache: string): Promise<{ python: string } | { missing: string }> {
  const folder = join(cache, 'venv');
  const python = join(folder, 'bin', 'python');
  const requirements = peerScript('requirements.txt');
  const installed = join(folder, 'installed-requirements.txt');
  const wanted = readFileSync(requirements, 'utf8');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) {
    return { python };
  }
  try {
    rmSync(folder, { recursive: true, force: true });
    console.error('Installing Python packages for the peers ...');
    await execute('python3', ['-m', 'venv', folder]);
    // Without dependencies: of scikit-image only its pictures are used, and requirements.txt names all else.
    await execute(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '-r', requirements]);
    writeFileSync(installed, wanted);
    return { python };
  } catch (error) {
    const { code, stderr = '', message } = error as NodeJS.ErrnoException & { stderr?: string };
    const reason = (stderr.trimEnd() || message).split('\n').at(-1)!;
    return { missing: code === 'ENOENT' ? 'python3 is not installed' : reason };
  }
}
