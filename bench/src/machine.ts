import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { peerScript } from './python.ts';

/** What figures depend on, as lines for a person. */
export function describeMachine(workFolder: string, python: string | undefined): [string, string][] {
  const requirements = readFileSync(peerScript('requirements.txt'), 'utf8').trim().split('\n');
  return [
    ['date', new Date().toISOString().slice(0, 10)],
    ['processor', `${cpus()[0]!.model}, ${availableParallelism()} cores`],
    ['memory', `${(totalmem() / 1024 ** 3).toFixed(0)} GiB`],
    ['disk', lastLine('df', ['--output=fstype,size', '-h', workFolder])],
    ['system', `Linux ${release()}`],
    ['Node', process.version],
    ['Java', firstLine('java', ['-version'])],
    ['Kafka', kafkaVersion()],
    ['Python', python === undefined ? 'missing' : firstLine(python, ['--version'])],
    ['Python packages', python === undefined ? 'missing' : requirements.join(', ')],
  ];
}

/** Processes that wanted to run, on average over the last 1, 5 and 15 minutes. */
export const load = (): string =>
  loadavg()
    .map((average) => average.toFixed(2))
    .join(', ');

/** Why kcat does not take part, if it does not. */
export function kcatMissing(withPeers: boolean): { kcat?: string } {
  if (!withPeers) {
    return { kcat: 'left out with --without-peers' };
  }
  const { error } = spawnSync('kcat', ['-V'], { stdio: 'ignore' });
  return error === undefined ? {} : { kcat: 'kcat is not installed' };
}

function kafkaVersion(): string {
  const pom = readFileSync(
    fileURLToPath(new URL('../../packages/local-kafka/pom.xml', import.meta.url)),
    'utf8',
  );
  return /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([^<]+)/.exec(pom)?.[1] ?? 'unknown';
}

const output = (program: string, args: string[]): string[] =>
  execFileSync('sh', ['-c', '"$0" "$@" 2>&1', program, ...args], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().replaceAll(/\s+/g, ' '));
const firstLine = (program: string, args: string[]): string => output(program, args)[0]!;
const lastLine = (program: string, args: string[]): string => output(program, args).at(-1)!;
