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
  // The last word of a line that a shell completes is not finished.
  const isCompletion = args[0] === completionRequest;
  const [word] = isCompletion ? args.slice(1, -1) : args;
  return word !== undefined && Object.hasOwn(commands, word)
    ? { word, rest: args.toSpliced(isCompletion ? 1 : 0, 1) }
    : { word: undefined, rest: args };
}
