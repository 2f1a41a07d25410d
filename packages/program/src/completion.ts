import { basename } from 'node:path';
import type { CommandLine, OptionDefinitions } from './command-line.ts';
import { byName, ownOptions, spelled } from './spelling.ts';

/** How a completion script asks the program what could follow; the words of the line stand behind it. */
export const completionRequest = '--completions';

/*
 * What a shell does with the answer: keep what begins like the last word; where nothing does, offer files.
 */
const scripts: Record<string, (name: string) => string> = {
  bash: (name) => `# ${name} completion bash >> ~/.bashrc
_${name}() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(${name} ${completionRequest} "\${COMP_WORDS[@]:1:COMP_CWORD}")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o bashdefault -o default -F _${name} ${name}`,
  zsh: (name) => `# ${name} completion zsh >> ~/.zshrc, below compinit
_${name}() {
  local -a found=("\${(@f)$(${name} ${completionRequest} "\${(@)words[2,CURRENT]}")}")
  compadd -a found || _files
}
compdef _${name} ${name}`,
  fish: (name) => `# ${name} completion fish > ~/.config/fish/completions/${name}.fish
complete -c ${name} -a '(${name} ${completionRequest} (commandline -opc)[2..] (commandline -ct))'`,
};

/** The completion script that the words `completion` and perhaps a shell ask for; undefined for other words. */
export function completionScript(
  [command, shell, ...others]: readonly string[],
  name: string,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  const script = scripts[shell ?? basename(environment['SHELL'] ?? '')] ?? scripts['bash']!;
  const isKnown = shell === undefined || Object.hasOwn(scripts, shell);
  return command === 'completion' && others.length === 0 && isKnown ? script(name) : undefined;
}

/** What could follow the words, the last of which is not finished. Short forms are for fingers, not for lists. */
export function completionsOf(
  words: readonly string[],
  { options: own, inputs, commands = {}, isCommand = false }: CommandLine<OptionDefinitions>,
): string[] {
  const options: OptionDefinitions = { ...own, ...ownOptions };
  const [before = '', last = ''] = words.slice(-2).length === 2 ? words.slice(-2) : ['', words[0]];
  const [, name = ''] = /^--?(.+)$/.exec(before) ?? [];
  const option = options[byName(options).get(name.replaceAll('_', '-')) ?? ''];
  if (option !== undefined && option.type !== 'boolean') {
    return [...(option.choices ?? [])];
  }
  const isCommandPossible = words.length <= 1 && !last.startsWith('-');
  return [
    ...(isCommandPossible ? [...Object.keys(commands), ...(isCommand ? [] : ['completion'])] : []),
    ...(inputs === undefined || last.startsWith('-') ? Object.keys(options).map(spelled) : []),
  ];
}
