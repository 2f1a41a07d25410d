import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { temporaryFolder } from './files.test-support.ts';
import { send, uniqueName } from './kafka.test-support.ts';
import { start, summaryOf } from './programs.test-support.ts';

/** Runs a program with --json. @returns what does not fit the schema of docs/schemas, and the object itself */
async function validated(schema: string, program: 'producer' | 'consumer', args: readonly string[]) {
  const file = new URL(`../../docs/schemas/${schema}.schema.json`, import.meta.url);
  const validate = new Ajv2020({ strict: true, allErrors: true }).compile(
    JSON.parse(readFileSync(file, 'utf8')) as object,
  );
  const { stdout, stderr } = await start(program, [...args, '--json']).ended;
  const output = summaryOf(stdout);
  validate(output);
  return { errors: validate.errors ?? [], output, stderr };
}

test('what --json prints is what docs/schemas says', async () => {
  const topic = uniqueName();
  const [folder, output] = [temporaryFolder(), temporaryFolder()];
  await sharp({ create: { width: 40, height: 30, channels: 3, background: 'teal' } })
    .png()
    .toFile(join(folder, 'a.png'));
  writeFileSync(join(folder, 'b.png'), 'no image');
  const saved = ['-t', topic, '-o', output];

  const runs = [
    await validated('dry-run', 'producer', [folder, '--dry-run']),
    await validated('summary', 'producer', [folder, '-t', topic]),
    await validated('summary', 'consumer', [...saved, '-gid', topic, '--exit-at-end']),
    // With something to find: a record that is no image, and a file that no record explains.
    await send(topic, { value: 'no image' }).then(async () => {
      const found = await validated('verify', 'consumer', ['verify', ...saved]);
      expect(found.output).toMatchObject({ onDisk: 1, unreadable: 1, differences: 1 });
      return found;
    }),
    await validated('doctor', 'producer', ['doctor', '-t', topic]),
    await validated('doctor', 'consumer', ['doctor', ...saved, '-gid', topic]),
  ];

  for (const { errors, stderr } of runs) {
    expect(errors, stderr).toEqual([]);
  }
});
