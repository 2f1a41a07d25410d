// Kills, freezes and restarts at random, for as many rounds as wanted; the same seed gives the same faults.
//
//   pnpm test:faults [--rounds N] [--seed S]
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const options = { rounds: { type: 'string', default: '10' }, seed: { type: 'string' } };
const args = process.argv.slice(2).filter((arg) => arg !== '--');
const { rounds, seed } = parseArgs({ args, options }).values;
const { status } = spawnSync('vitest', ['run', '--project', 'e2e', 'random-faults'], {
  stdio: 'inherit',
  env: { ...process.env, FAULT_ROUNDS: rounds, ...(seed !== undefined && { FAULT_SEED: seed }) },
});
process.exitCode = status ?? 1;
