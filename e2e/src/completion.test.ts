import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from './files.test-support.ts';
import { commandOf } from './programs.test-support.ts';

const has = (shell: string): boolean => spawnSync(shell, ['-c', 'true']).status === 0;

/** Runs a script in a shell that finds the producer under its name. @returns what it prints */
function inShell(shell: 'bash' | 'zsh' | 'fish', script: (folder: string) => string): string {
  const folder = temporaryFolder();
  const [node, main] = commandOf('producer', []);
  writeFileSync(join(folder, 'producer'), `#!/bin/sh\nexec "${node}" "${main}" "$@"\n`);
  chmodSync(join(folder, 'producer'), 0o755);
  writeFileSync(join(folder, 'script'), script(folder));
  const { stdout } = spawnSync(shell, [join(folder, 'script')], {
    encoding: 'utf8',
    timeout: 50_000,
    env: { PATH: `${folder}${delimiter}${process.env['PATH']}`, HOME: folder, SHELL: `/bin/${shell}` },
  });
  return stdout;
}

const lines = [
  ['doctor --ack', '--acks'],
  ['--dry', '--dry-run'],
  ['--pattern mand', 'mandelbrot'],
  ['doct', 'doctor'],
] as const;

describe.skipIf(!has('bash'))('bash completes', () => {
  test.each(lines)('%s', (typed, completed) => {
    const words = ['producer', ...typed.split(' ')];
    const script = `source <(producer completion)
COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}
_producer
echo "\${COMPREPLY[@]}"`;
    expect(inShell('bash', () => script)).toBe(`${completed}\n`);
  });
});

// Debian: apt install zsh
describe.skipIf(!has('zsh'))('zsh completes', () => {
  test.each(lines)('%s', (typed, completed) => {
    // A terminal of its own, in which the tab key is pressed; what it shows then ends in the whole word.
    const script = (folder: string): string => `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'unsetopt zle_bracketed_paste; PS1=; autoload -Uz compinit; compinit -u -d ${folder}/dump
source <(producer completion); echo REA''DY'
zpty -r -m shell shown '*READY*'
zpty -w -n shell $'producer ${typed}\\t'
zpty -r -m shell shown '*${completed}*' && print found
zpty -d shell`;
    expect(inShell('zsh', script)).toBe('found\n');
  });
});

// Debian: apt install fish
describe.skipIf(!has('fish'))('fish completes', () => {
  test.each(lines)('%s', (typed, completed) => {
    const script = `source (producer completion | psub); complete -C 'producer ${typed}'`;
    expect(inShell('fish', () => script).split('\n')).toContain(completed);
  });
});
