import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What figures depend on, as lines for a person. */
export function describeMachine(workFolder: string, python: string | undefined): [string, string][] {
  const memory = `${(totalmem() / 1024 ** 3).toFixed(0)} GiB`;
  return [
    ['processor', `${cpus()[0]!.model}, ${availableParallelism()} cores`],
    ['memory', memory],
    ['disk', lastLine('df', ['--output=fstype,size', '-h', workFolder])],
    ['system', `Linux ${release()}`],
    ['Node', process.version],
    ['Java', firstLine('java', ['-version'])],
    ['Kafka', kafkaVersion()],
    ['Python', python === undefined ? 'missing' : firstLine(python, ['--version'])],
    [
      'load when it began',
      loadavg()
        .map((load) => load.toFixed(2))
        .join(', '),
    ],
  ];
}

/** Of a program, or why there is none. */
export function missing(program: string, ...args: string[]): string | undefined {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return undefined;
  } catch {
    return `${program} is not installed`;
  }
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
