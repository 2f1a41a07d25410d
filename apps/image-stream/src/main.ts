import { runProgram, splitCommand, UsageError } from '@image-stream/program';
import type { OptionDefinitions, Program } from '@image-stream/program';
import packageJson from '../package.json' with { type: 'json' };
import { programs } from './programs.ts';

const args = process.argv.slice(2);
const { word, rest } = splitCommand(args, programs);
const { name, version } = { name: 'image-stream', version: packageJson.version };

if (word === undefined) {
  await runProgram(await front(), args);
} else {
  const { program, isCommandOf = false } = await programs[word]!();
  // A command of a program is found by that program, which is told its word.
  await (isCommandOf
    ? runProgram({ ...program, name, version }, args)
    : runProgram({ ...program, name: `${name} ${word}`, version, isCommand: true }, rest));
}

/** What answers where no program is named: with the help, the version, a completion, or what could have been named. */
async function front(): Promise<Program<OptionDefinitions>> {
  const words = Object.keys(programs);
  const summaries = await Promise.all(
    words.map(async (one) => {
      const { program, isCommandOf = false } = await programs[one]!();
      return [one, isCommandOf ? program.commands![one]! : program] as const;
    }),
  );
  return {
    name,
    version,
    summary: 'Moves images through Apache Kafka: nothing lost, any size, any source.',
    options: {},
    examples: [
      ['$0 kafka up', 'a Kafka on localhost:29092, to try things out'],
      ['$0 send photos --recursive', 'send a folder of pictures'],
      ['$0 receive --exit-at-end', 'save them in output/'],
      ['$0 send --help', 'the options of a command'],
    ],
    verb: '',
    commands: Object.fromEntries(
      summaries.map(([one, { summary }]) => [one, { summary, options: {}, examples: [], run: unreachable }]),
    ),
    knownErrors: [],
    run: async () => {
      throw new UsageError(`a command is required: ${words.join(', ')}`);
    },
  };
}

/** A command that is named is run by its own program. */
async function unreachable(): Promise<never> {
  throw new TypeError('a command was named, and not found');
}
