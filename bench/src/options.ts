import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { workloads } from './workloads.ts';

/** The command line. */
export interface Options {
  readonly rounds: number;
  /** The name of what is wanted. */
  readonly only: string | undefined;
  readonly isQuick: boolean;
  readonly withPeers: boolean;
  /** Where the report goes. */
  readonly output: string;
}

/** Names for `--only`. */
const parts = [...workloads.map(({ name }) => name), 'latency', 'scaling', 'flatness', 'limits'];

/** The answer to `--help`. */
export const usage = `Usage: pnpm bench [options]

  --rounds N       how often each contender runs (5)
  --only NAME      one part: ${parts.join(', ')}
  --quick          a tenth of the images: to see that it works, not to compare
  --without-peers  this project only
  --output FILE    where the report goes (bench/RESULTS.md)
`;

/** @throws {Error} where the command line is wrong */
export function readOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== '--'),
    options: {
      help: { type: 'boolean' },
      rounds: { type: 'string', default: '5' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'without-peers': { type: 'boolean', default: false },
      output: { type: 'string' },
    },
  });
  if (values.help === true) {
    return 'help';
  }
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds must be a whole number, 1 or more, not '${values.rounds}'`);
  }
  if (values.only !== undefined && !parts.includes(values.only)) {
    throw new Error(`--only must be one of ${parts.join(', ')}, not '${values.only}'`);
  }
  return {
    rounds,
    only: values.only,
    isQuick: values.quick,
    withPeers: !values['without-peers'],
    output:
      values.output === undefined
        ? fileURLToPath(new URL('../RESULTS.md', import.meta.url))
        : resolve(process.env.INIT_CWD ?? process.cwd(), values.output),
  };
}
