/**
 * yargs shows an alias of several letters with two hyphens and after the name; ours take one, as in
 * the Python application. A second name is for the description to tell. That values are text goes without saying.
 */
export function mendHelp(text: string): string {
  return text
    .replaceAll(/^ {6}(--[\w-]+), --(\w{2,3})/gm, (shown, name, alias) =>
      `  -${alias}, ${name}`.padEnd(shown.length),
    )
    .replaceAll(/^( +-\w+, --[\w-]+), --\w{4,}/gm, (shown, names: string) => names.padEnd(shown.length))
    .replaceAll(/\n +\[(string|boolean|array)\]$/gm, '')
    .replaceAll(/\[(string|boolean|array)\]/g, (type) => ' '.repeat(type.length))
    .replaceAll(/ +$/gm, '');
}
