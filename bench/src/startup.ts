import type { Bench } from './bench.ts';
import { programs } from './contenders.ts';
import { run } from './measure.ts';

/** Seconds that `--help` takes. */
export interface Startup {
  readonly producer: number[];
  readonly consumer: number[];
}

const runs = 5;

export async function measureHelp({ report }: Pick<Bench, 'report'>): Promise<Startup> {
  report('--help');
  const seconds: Startup = { producer: [], consumer: [] };
  for (let index = 0; index < runs; index++) {
    for (const name of ['producer', 'consumer'] as const) {
      seconds[name].push((await run([process.execPath, programs[name], '--help'])).seconds);
    }
  }
  return seconds;
}
