import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { temporaryFolder } from './files.test-support.ts';
import { createTopic, send, uniqueName } from './kafka.test-support.ts';
import { start } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';

/** Runs a program with --json. @returns what does not fit the schema of docs/schemas, and the objects themselves */
async function validated(
  schema: string,
  program: 'producer' | 'consumer' | 'gallery',
  args: readonly string[],
  act: (running: Running) => Promise<void> = async () => {},
) {
  const file = new URL(`../../docs/schemas/${schema}.schema.json`, import.meta.url);
  const validate = new Ajv2020({ strict: true, allErrors: true }).compile(
    JSON.parse(readFileSync(file, 'utf8')) as object,
  );
  const running = start(program, [...args, '--json']);
  await act(running);
  const { stdout, stderr } = await running.ended;
  const output = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const errors = output.flatMap((one) => (validate(one) ? [] : validate.errors!));
  return { errors, output, stderr };
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
      expect(found.output).toMatchObject([{ onDisk: 1, unreadable: 1, differences: 1 }]);
      return found;
    }),
    await validated('doctor', 'producer', ['doctor', '-t', topic]),
    await validated('doctor', 'consumer', ['doctor', ...saved, '-gid', topic]),
    await validated('gallery', 'gallery', ['-t', topic, '-o', output, '--port', '0'], async (gallery) => {
      await expect.poll(gallery.log, { timeout: 20_000 }).toContain('http://');
      gallery.process.kill('SIGINT');
    }),
  ];

  for (const { errors, output: printed, stderr } of runs) {
    expect(errors, stderr).toEqual([]);
    expect(printed).toHaveLength(1);
  }
});

test('so is what peek prints of images, of records that hold none, and of dead letters', async () => {
  const topic = await createTopic(1, '200000');
  const size = ['--width', '400', '--height', '500'];
  await validated('summary', 'producer', ['-t', topic, '-n', '1', ...size]);
  await validated('summary', 'producer', ['-t', topic, '-n', '1', '--width', '4', '--format', 'python-json']);
  await send(topic, { value: 'no image' });
  const saved = ['-t', topic, '-o', temporaryFolder()];
  await validated('summary', 'consumer', [...saved, '-gid', topic, '--exit-at-end']);

  const runs = [
    await validated('peek', 'consumer', ['peek', '-t', topic]),
    await validated('peek', 'consumer', ['peek', '-t', `${topic}.dead-letter`]),
  ];

  expect(runs.map(({ errors }) => errors)).toEqual([[], []]);
  const of = { partition: 0, topic };
  expect(runs.map((run) => run.output)).toMatchObject([
    [
      { ...of, chunks: expect.any(Number) as number, type: 'image/png' },
      { ...of, format: 'python-json', width: 4, height: 1920 },
      { ...of, problem: expect.any(String) as string },
    ],
    [{ deadLetter: { ...of, errorClass: 'CodecError.UNRECOGNIZED_FORMAT' } }],
  ]);
});
