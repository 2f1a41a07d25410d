import { readFile } from 'node:fs/promises';
import { UsageError } from './errors.ts';
import { meant, namesOf, didYouMean } from './spelling.ts';
import type { OptionDefinitions } from './command-line.ts';

/** A file of options, as `--config` names it. */
export interface ConfigFile {
  /** As it was given, for messages. */
  readonly name: string;
  /** What it says of an option, as text; several values where the option takes several. */
  valuesOf(option: string): readonly string[];
}

/** No file. */
export const noConfigFile: ConfigFile = { name: '', valuesOf: () => [] };

/**
 * Reads options from a file in YAML, of which JSON is a part: their names as on the command line, and their values.
 *
 * @param path where it is
 * @param known options of other commands of the program, so that one file serves all of them
 * @throws UsageError that names the file
 */
export async function readConfigFile(
  name: string,
  path: string,
  options: OptionDefinitions,
  known: OptionDefinitions,
): Promise<ConfigFile> {
  const values = new Map<string, readonly string[]>();
  const all: OptionDefinitions = { ...known, ...options };
  for (const [key, value] of Object.entries(await parseFile(name, path))) {
    const word = key.replaceAll('_', '-');
    const option = Object.keys(all).find((one) => namesOf(one, all).includes(word)) ?? word;
    const definition = all[option];
    if (definition === undefined || option === 'config') {
      const suggestions = meant(option, Object.keys(all));
      throw new UsageError(`${name}: unknown option '${key}'${didYouMean(suggestions)}`);
    }
    values.set(option, textsOf(name, key, value, definition.type === 'array'));
  }
  return { name, valuesOf: (option) => values.get(option) ?? [] };
}

async function parseFile(name: string, path: string): Promise<object> {
  let content: unknown;
  try {
    const { parse } = await import('yaml');
    // So all values are text, as they were typed; what they have to be, each option says.
    content = parse(await readFile(path, 'utf8'), { schema: 'failsafe' });
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new UsageError(`--config ${name} cannot be read: ${reason}`, { cause: error });
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new UsageError(`--config ${name} must hold options with their values, such as 'topic: scans'`);
  }
  return content;
}

function textsOf(file: string, key: string, value: unknown, isList: boolean): string[] {
  const texts = isList ? [value].flat() : [value];
  if (!texts.every((text) => typeof text === 'string' && text !== '')) {
    throw new UsageError(
      `${file}: ${key} must have ${isList ? 'a value, or a list of them' : 'one value'}, not ${JSON.stringify(value)}`,
    );
  }
  return texts as string[];
}
