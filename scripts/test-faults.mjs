// Kills at every step, then kills, freezes, outages and full disks at random, for as many rounds as wanted, records that are damaged at random,
// as many as wanted, records of any shape, and a flood of uploads; the same seed gives the same faults.
//
//   pnpm test:faults [--rounds N] [--records N] [--seed S]
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';

const options = {
  rounds: { type: 'string', default: '10' },
  records: { type: 'string', default: '100000' },
  seed: { type: 'string' },
};
const args = process.argv.slice(2).filter((arg) => arg !== '--');
const { rounds, records, seed } = parseArgs({ args, options }).values;
const files = [
  'kill-steps',
  'random-faults',
  's3-faults',
  'shard-faults',
  'damaged-records',
  'any-record',
  'memory',
];
const fuzzSeed = seed ?? randomUUID().slice(0, 8);
const { status } = spawnSync('vitest', ['run', '--project', 'e2e', '--no-file-parallelism', ...files], {
  stdio: 'inherit',
  env: {
    ...process.env,
    FAULT_ROUNDS: rounds,
    FUZZ_RECORDS: records,
    FUZZ_SEED: fuzzSeed,
    ...(seed !== undefined && { FAULT_SEED: seed }),
  },
});
process.exitCode = status ?? 1;
