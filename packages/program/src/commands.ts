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
  // A shell passes the line that it completes behind the program's name; the last word of it is not finished.
  const isCompletion = args[0] === completionRequest;
  const place = isCompletion ? 2 : 0;
  const word = args[place];
  const isCommand = word !== undefined && Object.hasOwn(commands, word);
  return isCommand && !(isCompletion && args.length === place + 1)
    ? { word, rest: args.toSpliced(place, 1) }
    : { word: undefined, rest: args };
}
