import type { CommandLine, OptionDefinition, OptionDefinitions } from './command-line.ts';
import { aliasesOf, ownOptions, spelled } from './spelling.ts';

type Row = readonly [term: string, text: string];

/** The widest first column; what is longer has its text below it. */
const widestTerm = 28;

/** The help of a command line, for a terminal of so many columns. */
export function helpOf(commandLine: CommandLine<OptionDefinitions>, columns: number): string {
  const { name, summary, inputs, examples, commands = {}, isCommand = false } = commandLine;
  const options = Object.entries<OptionDefinition>({ ...commandLine.options, ...ownOptions });
  const titleOf = ({ group = 'Options:' }: OptionDefinition): string => group;
  const titles = new Set(options.map(([, option]) => titleOf(option)));
  const completion: Row = [`${name} completion`, 'Print a completion script for bash, zsh or fish'];
  const sections: [title: string, rows: readonly Row[]][] = [
    [
      'Commands:',
      [
        ...Object.entries(commands).map(([word, { summary: text }]): Row => [`${name} ${word}`, text]),
        ...(isCommand ? [] : [completion]),
      ],
    ],
    ...[...titles].map((title): [string, Row[]] => [
      title,
      options.filter(([, option]) => titleOf(option) === title).map(rowOf),
    ]),
    ['Examples:', examples.map(([command, text]): Row => [command.replaceAll('$0', name), text])],
  ];
  const paragraphs = [
    summary,
    `Usage: ${name} ${inputs === undefined ? '' : `[${inputs.name}..] `}[options]`,
    ...(inputs === undefined ? [] : [`${inputs.name}: ${inputs.describe}`]),
    ...sections
      .filter(([, rows]) => rows.length > 0)
      .map(([title, rows]) => `${title}\n${table(rows, columns)}`),
    'Every option can also be set in the environment, --some-option as IMAGE_STREAM_SOME_OPTION, or in the file of --config, as some-option: value.',
  ];
  return paragraphs
    .map((text) => (text.includes('\n') ? text : wrapped(text, columns).join('\n')))
    .join('\n\n');
}

/** A second name that is a word is for the description to tell. */
function rowOf([name, option]: readonly [string, OptionDefinition]): Row {
  const short = aliasesOf(option).find((alias) => alias.length <= 3);
  const { describe = '', choices, default: value, defaultDescription = value } = option;
  const indent = name.length === 1 ? '' : '    ';
  return [
    `${short === undefined ? indent : `-${short}, `}${spelled(name)}`,
    [
      describe,
      ...(choices === undefined ? [] : [`[choices: ${choices.join(', ')}]`]),
      ...(defaultDescription === undefined ? [] : [`[default: ${defaultDescription}]`]),
    ].join(' '),
  ];
}

function table(rows: readonly Row[], columns: number): string {
  const width = Math.min(Math.max(...rows.map(([term]) => term.length)), widestTerm) + 4;
  return rows
    .flatMap(([term, text]) => {
      const [first = '', ...others] = wrapped(text, columns - width).map((line) => ' '.repeat(width) + line);
      const begin = `  ${term}`;
      return begin.length + 2 > width
        ? [begin, first, ...others]
        : [begin + first.slice(begin.length), ...others];
    })
    .map((line) => line.trimEnd())
    .join('\n');
}

/** The text in lines of at most so many columns, but for words that are longer. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)} ${word}`;
    if (lines.length === 0 || line.length > columns) {
      lines.push(word);
    } else {
      lines.splice(-1, 1, line);
    }
  }
  return lines;
}
