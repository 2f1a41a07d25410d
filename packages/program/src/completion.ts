import yargs from 'yargs';
import type { Argv } from 'yargs';
import type { OptionDefinitions } from './command-line.ts';
import { aliasesOf } from './spelling.ts';

/** How a completion script asks the program what could follow. */
export const completionRequest = '--get-yargs-completions';

/** The script for the shell that asks. A parser of its own: one with options would miss the required ones. */
export async function completionScript(name: string): Promise<string> {
  let script = '';
  await yargs()
    .scriptName(name)
    .completion('completion')
    .parse(['completion'], {}, (_error, _argv, output) => {
      script = output;
    });
  return script;
}

/** What could follow the words, one a line. Short forms are for fingers, not for lists. */
export async function completionsOf(
  parser: Argv,
  words: readonly string[],
  options: OptionDefinitions,
): Promise<string> {
  const aliases = new Set(Object.values(options).flatMap(aliasesOf));
  const completions = (await parser.getCompletion([...words])) as unknown as string[];
  return completions
    .filter((completion) => !aliases.has(/^--?([\w-]+)/.exec(completion)?.[1] ?? ''))
    .join('\n');
}
