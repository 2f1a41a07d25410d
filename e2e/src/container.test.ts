import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic, uniqueName } from './kafka.test-support.ts';
import { bootstrapServers, commandOf, run, summaryOf } from './programs.test-support.ts';

const MiB = 1024 ** 2;
const groups: string[] = [];
const limits = [256, 0.5] as const;
const tasks = limited(...limits);

afterAll(() => groups.forEach((group) => rmdirSync(group)));

describe.skipIf(tasks === undefined)('in a container of 256 MiB and half a processor', () => {
  test('the defaults follow the limits', () => {
    const script = `
      import { bytesInWork, processors } from '${new URL('../../packages/budget/dist/index.js', import.meta.url).href}';
      console.log(bytesInWork(128 * 1024 ** 2), bytesInWork(1024), processors());`;
    const [command, ...args] = inside([process.execPath, '--input-type=module', '--eval', script]);
    const [bytes, few, processors] = execFileSync(command!, args, { encoding: 'utf8' })
      .trim()
      .split(' ')
      .map(Number);
    expect([bytes, few, processors]).toEqual([(128 * MiB) / 4, 1024, 1]);
  });

  test('photographs are sent and saved as pixels', async () => {
    const topic = await createTopic();
    const folder = temporaryFolder();
    const [width, height] = [1080, 1920];
    const photograph = await sharp(randomBytes(12 * 12 * 3), { raw: { width: 12, height: 12, channels: 3 } })
      .resize(width, height)
      .raw()
      .toBuffer();
    const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${height}, ${width}, 3), }`.padEnd(
      117,
    );
    const start = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${header}\n`, 'latin1');
    for (let index = 0; index < 20; index += 1) {
      photograph[index] = index;
      writeFileSync(join(folder, `${index}.npy`), Buffer.concat([start, photograph]));
    }
    const shared = ['-bs', bootstrapServers, '-t', topic, '--json'];
    await within('producer', [...shared, folder]);
    const output = temporaryFolder();
    await within('consumer', [...shared, '-gid', uniqueName(), '-o', output, '--exit-at-end']);
    expect(filesIn(output)).toHaveLength(20);
  });
});

async function within(program: 'producer' | 'consumer', args: string[]): Promise<void> {
  const [command, ...rest] = inside(commandOf(program, args));
  const { exitCode, stdout, stderr } = await run(command!, rest).ended;
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  expect(summaryOf(stdout)).toMatchObject({ images: 20, failed: 0 });
}

/** A command that runs in the groups. */
function inside(command: readonly string[]): string[] {
  const entering = tasks!.map((file) => `echo $$ > ${file}`).join(' && ');
  return ['sh', '-c', `${entering} && exec "$@"`, 'sh', ...command];
}

/** Control groups with limits, as containers have them. @returns where processes enter; undefined where none can be made */
function limited(mebibytes: number, processors: number): string[] | undefined {
  const name = uniqueName();
  const make = (folder: string, settings: Record<string, string>): string => {
    const group = join('/sys/fs/cgroup', folder, name);
    mkdirSync(group);
    groups.push(group);
    for (const [file, text] of Object.entries(settings)) {
      writeFileSync(join(group, file), text);
    }
    return join(group, 'cgroup.procs');
  };
  const memory = String(mebibytes * MiB);
  const quota = String(processors * 100_000);
  try {
    return [
      make('memory', { 'memory.limit_in_bytes': memory }),
      make('cpu', { 'cpu.cfs_period_us': '100000', 'cpu.cfs_quota_us': quota }),
    ];
  } catch {
    try {
      return [make('', { 'memory.max': memory, 'cpu.max': `${quota} 100000` })];
    } catch {
      return undefined;
    }
  }
}
