import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { closedPort, temporaryFolder } from './files.test-support.ts';
import { createTopic, ends, uniqueName, withAdmin } from './kafka.test-support.ts';
import { start, succeed, summaryOf } from './programs.test-support.ts';

const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: 'teal' } });

test('says of each image what would be sent, and names those that cannot be', async () => {
  const folder = temporaryFolder();
  await picture(40, 30).png().toFile(join(folder, 'a.png'));
  writeFileSync(join(folder, 'b.png'), 'no image');

  const topic = uniqueName();
  // Nobody is asked: the broker is not there.
  const nobody = ['-bs', `localhost:${await closedPort()}`, '-t', topic];
  const { exitCode, stdout, stderr } = await start('producer', [folder, '--dry-run', ...nobody]).ended;

  expect(exitCode).toBe(1);
  expect(stdout).toMatch(
    /^a-[0-9a-f]{24} {2}image\/png {2}40 x 30 {2}\d+ B -> \d+ B \(ratio [\d.]+\), 1 record$/m,
  );
  expect(stdout).toMatch(/^would send 1 image, 1 CANNOT be sent: /m);
  expect(stderr).toMatch(/b\.png cannot be sent: not a PNG/);

  const quiet = await start('producer', [folder, '--dry-run', '--quiet', ...nobody]).ended;
  expect(quiet).toMatchObject({ exitCode: 1, stdout: '' });
});

test('counts the records that are then sent', async () => {
  const topic = await createTopic(1, '100000');
  // 480 kB of pixels, for which one record does not suffice.
  const args = ['-n', '2', '-t', topic, '-mrs', '100000', '--encoding', 'npy', '--compression', 'none'];
  const size = ['--width', '400', '--height', '400', '--seed', 'same', '--json'];

  const { exitCode, stdout } = await start('producer', [...args, ...size, '--dry-run']).ended;
  expect(exitCode).toBe(0);
  const planned = summaryOf(stdout) as unknown as Record<string, unknown>;
  expect(planned).toMatchObject({ dryRun: true, images: 2, failed: 0, payloadBytes: 960_000 });
  expect(planned['listed']).toMatchObject([
    { type: 'pixels -> application/x-npy', width: 400, height: 400, payloadBytes: 480_000 },
    { width: 400 },
  ]);
  expect(await ends(topic)).toBe(0);

  const sent = await succeed('producer', [...args, ...size]);
  expect(sent.wireBytes).toBe(planned['wireBytes']);
  expect(await ends(topic)).toBe(planned['records']);
});

test('creates no topic, and does not go with --watch', async () => {
  const topic = uniqueName();
  await succeed('producer', ['-n', '1', '--dry-run', '-t', topic, '--width', '16', '--height', '16']);
  expect(await withAdmin((admin) => admin.listTopics())).not.toContain(topic);

  const { exitCode, stderr } = await start('producer', [temporaryFolder(), '--dry-run', '--watch']).ended;
  expect({ exitCode, stderr }).toEqual({
    exitCode: 2,
    stderr: 'producer: --dry-run and --watch cannot be combined (see producer --help)\n',
  });
});
