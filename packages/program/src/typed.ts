import { Parser } from 'yargs/helpers';
import type { OptionDefinitions } from './command-line.ts';
import { aliasesOf } from './spelling.ts';

/** How words are read as options, wherever that is done. */
export const parserConfiguration = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'parse-positional-numbers': false,
  'short-option-groups': false,
} as const;

/**
 * The values of each option that was typed, as text and in their order. What is wrong with the words is for the parser
 * of all of them to say.
 *
 * @param words normalized, so that every option has a value
 */
export function typedValues(
  words: readonly string[],
  options: OptionDefinitions,
): ReadonlyMap<string, readonly string[]> {
  const names = Object.keys(options);
  const parsed = Parser([...words], {
    string: names,
    narg: Object.fromEntries(names.map((name) => [name, 1])),
    alias: Object.fromEntries(Object.entries(options).map(([name, option]) => [name, aliasesOf(option)])),
    configuration: parserConfiguration,
  });
  return new Map(
    names
      .filter((name) => Object.hasOwn(parsed, name))
      .map((name) => [name, [parsed[name]].flat().map(String)]),
  );
}
