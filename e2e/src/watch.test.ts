import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic, ends } from './kafka.test-support.ts';
import { commandOf, run, start, succeed, summaryOf } from './programs.test-support.ts';

const seconds = { timeout: 30_000 };

function picture(background: string): Promise<Buffer> {
  return sharp({ create: { width: 64, height: 48, channels: 3, background } })
    .jpeg()
    .toBuffer();
}

function watching(folder: string, topic: string, ...args: string[]) {
  return start('producer', [folder, '--watch', '--recursive', '-t', topic, '--json', ...args]);
}

test('a watched folder: what is there, what comes, each once it is written, and nothing again after a restart', async () => {
  const topic = await createTopic();
  const folder = temporaryFolder();
  const elsewhere = temporaryFolder();
  const output = join(temporaryFolder(), 'output');
  const [red, green, blue, grey] = await Promise.all(['red', 'green', 'blue', 'grey'].map(picture));
  writeFileSync(join(folder, 'there.jpg'), red!);

  const first = watching(folder, topic);
  await expect.poll(() => ends(topic), seconds).toBe(1);
  mkdirSync(join(folder, 'sub'));
  // A writer that takes its time: the first half is no image yet.
  const half = green!.length / 2;
  writeFileSync(join(folder, 'sub', 'slow.jpg'), green!.subarray(0, half));
  writeFileSync(join(elsewhere, 'moved.jpg'), blue!);
  renameSync(join(elsewhere, 'moved.jpg'), join(folder, 'moved.jpg'));
  await expect.poll(() => ends(topic), seconds).toBe(2);
  appendFileSync(join(folder, 'sub', 'slow.jpg'), green!.subarray(half));
  await expect.poll(() => ends(topic), seconds).toBe(3);
  first.process.kill('SIGTERM');
  const ended = await first.ended;
  expect(ended.exitCode).toBe(0);
  expect(summaryOf(ended.stdout)).toMatchObject({ images: 3, failed: 0 });

  // While nobody watches, a file comes, one changes, and one goes.
  writeFileSync(join(folder, 'later.jpg'), grey!);
  writeFileSync(join(folder, 'there.jpg'), blue!);
  rmSync(join(folder, 'moved.jpg'));
  const second = watching(folder, topic, '-n', '2');
  expect(summaryOf((await second.ended).stdout)).toMatchObject({ images: 2, failed: 0 });
  expect(await ends(topic)).toBe(5);

  await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);
  const saved = filesIn(output).map((file) => [
    file.replace(/^.*\/(.*)-.*$/, '$1'),
    readFileSync(join(output, file)),
  ]);
  const expected: [string, Buffer][] = [
    ['later', grey!],
    ['moved', blue!],
    ['slow', green!],
    ['there', red!],
    ['there', blue!],
  ];
  expect(saved).toHaveLength(5);
  for (const one of expected) {
    expect(saved).toContainEqual(one);
  }
});

test('another topic gets everything, also from the same folder', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'there.jpg'), await picture('red'));
  for (const topic of [await createTopic(), await createTopic()]) {
    const { stdout } = await watching(folder, topic, '-n', '1').ended;
    expect(summaryOf(stdout)).toMatchObject({ images: 1 });
  }
});

test('a folder that goes away ends the watch with the reason', async () => {
  const topic = await createTopic();
  const folder = join(temporaryFolder(), 'inbox');
  mkdirSync(folder);
  writeFileSync(join(folder, 'there.jpg'), await picture('red'));
  const program = watching(folder, topic, '--state-file', join(folder, '..', 'state'));
  await expect.poll(() => ends(topic), seconds).toBe(1);
  rmSync(folder, { recursive: true });
  const { exitCode, stderr } = await program.ended;
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`what comes into ${folder} was not sent: the folder is gone`);
});

const noWatches = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"';
const canForbidWatches = spawnSync('unshare', ['-r', 'sh', '-c', noWatches, 'sh', 'true']).status === 0;

test.skipIf(!canForbidWatches)(
  'where the system allows no more watches, that is told with what helps, and the folder is listed instead',
  async () => {
    const topic = await createTopic();
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'there.jpg'), await picture('red'));
    const command = commandOf('producer', [folder, '--watch', '-t', topic]);
    const program = run('unshare', ['-r', 'sh', '-c', noWatches, 'sh', ...command]);
    await expect.poll(() => ends(topic), seconds).toBe(1);
    writeFileSync(join(folder, 'later.jpg'), await picture('blue'));
    await expect.poll(() => ends(topic), seconds).toBe(2);
    program.process.kill('SIGTERM');
    const { exitCode, stderr } = await program.ended;
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /cannot be watched, and are listed instead: EMFILE.*; raise fs\.inotify\.max_user_instances/,
    );
  },
);

// Even root reads what its mode forbids, unless it gives the right to that away.
const withoutRights = [
  '--bounding-set=-dac_override,-dac_read_search',
  '--inh-caps=-dac_override,-dac_read_search',
];
const canGiveUpRights = spawnSync('setpriv', [...withoutRights, 'true']).status === 0;

test.skipIf(!canGiveUpRights)(
  'a folder and a file that may not be read are named, and sent once they may be',
  async () => {
    const topic = await createTopic();
    const folder = temporaryFolder();
    const [red, blue] = await Promise.all([picture('red'), picture('blue')]);
    mkdirSync(join(folder, 'lost+found'));
    writeFileSync(join(folder, 'lost+found', 'there.jpg'), red);
    writeFileSync(join(folder, 'secret.jpg'), blue);
    chmodSync(join(folder, 'lost+found'), 0);
    chmodSync(join(folder, 'secret.jpg'), 0);
    const command = commandOf('producer', [folder, '--watch', '--recursive', '-t', topic, '--json']);
    const program = run('setpriv', [...withoutRights, ...command]);
    await expect.poll(program.log, seconds).toMatch(/lost\+found was not sent.*: EACCES/);
    await expect.poll(program.log, seconds).toMatch(/secret\.jpg was not sent.*: EACCES/);
    writeFileSync(join(folder, 'later.jpg'), red);
    await expect.poll(() => ends(topic), seconds).toBe(1);
    chmodSync(join(folder, 'secret.jpg'), 0o644);
    chmodSync(join(folder, 'lost+found'), 0o755);
    await expect.poll(() => ends(topic), seconds).toBe(3);
    program.process.kill('SIGTERM');
    // That the folder could not be read for a time stays a failure: nobody knows what was in it.
    expect(summaryOf((await program.ended).stdout)).toMatchObject({ images: 3, failed: 1 });
  },
);

test('a pipe does not keep a watch from going on, nor from ending', async () => {
  const topic = await createTopic();
  const folder = temporaryFolder();
  const program = watching(folder, topic);
  execFileSync('mkfifo', [join(folder, 'pipe.jpg')]);
  await expect.poll(program.log, seconds).toMatch(/pipe\.jpg was not sent: is not a file/);
  writeFileSync(join(folder, 'later.jpg'), await picture('red'));
  await expect.poll(() => ends(topic), seconds).toBe(1);
  program.process.kill('SIGTERM');
  expect(await program.ended).toMatchObject({ exitCode: 1 });
});
