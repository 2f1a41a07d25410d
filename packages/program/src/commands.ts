import { completionRequest } from './completion.ts';

/**
 * Which command the arguments are for: the one whose word stands first. Else they are for the program itself.
 *
 * @returns its word, undefined for the program itself, and the other arguments
 */
export function splitCommand(
  args: readonly string[],
  commands: Readonly<Record<string, unknown>> = {},
): { readonly word: string | undefined; readonly rest: readonly string[] } {
  const words = args[0] === '--' ? args.slice(1) : args;
  // A shell passes the line that it completes behind the program's name; the last word of it is not finished.
  const isCompletion = words[0] === completionRequest;
  const place = isCompletion ? 2 : 0;
  const word = words[place];
  const isCommand = word !== undefined && Object.hasOwn(commands, word);
  return isCommand && !(isCompletion && words.length === place + 1)
    ? { word, rest: words.toSpliced(place, 1) }
    : { word: undefined, rest: args };
}
