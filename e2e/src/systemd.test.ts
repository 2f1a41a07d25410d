import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect, onTestFinished, test, vi } from 'vitest';
import { closedPort, filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic } from './kafka.test-support.ts';
import { bootstrapServers, run } from './programs.test-support.ts';
import type { Running } from './programs.test-support.ts';

const patience = { timeout: 50_000, interval: 100 };
const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'deploy/systemd');
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const has = (command: string, option: string): boolean => spawnSync(command, [option]).status === 0;

/** Where the programs are here. */
const installed = { '/opt/image-stream/': root, '/usr/bin/node': process.execPath };

test
  .skipIf(!has('systemd-analyze', '--version'))
  .each(readdirSync(folder).filter((name) => name.endsWith('.service')))('systemd takes %s', (unit) => {
  const file = join(temporaryFolder(), unit.replace('@', '@door'));
  writeFileSync(file, inPlace(read(unit), installed));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test.skipIf(!has('ffmpeg', '-version'))('their commands save a file, and what a camera sees', async () => {
  const topic = await createTopic();
  const [state, watched] = [temporaryFolder(), temporaryFolder()];
  const url = `rtsp://127.0.0.1:${await closedPort()}/live`;
  const environment = {
    ...variables('environment'),
    KAFKA_BOOTSTRAP_SERVERS: bootstrapServers,
    IMAGE_STREAM_TOPIC: topic,
    IMAGE_STREAM_GROUP_ID: topic,
  };
  const begin = (unit: string, places: Record<string, string>, more = {}): Running => {
    const [, line = ''] = /^ExecStart=(.*)$/m.exec(read(unit))!;
    const [command, ...args] = inPlace(line, { ...installed, ...places }).split(' ');
    const running = run(command!, args, { ...environment, ...more });
    onTestFinished(() => void running.process.kill('SIGKILL'));
    return running;
  };
  const consumer = begin('image-consumer.service', { '/var/lib/image-stream': state, ' 9464': ' 0' });
  const watch = begin('image-watch.service', { '/var/lib/image-stream': state, '/srv/images': watched });
  // Here it is the camera that calls, since ffmpeg is no server for others to call.
  const listening = { '-i ${CAMERA_URL}': `-rtsp_flags listen -i ${url}` };
  const camera = begin('image-camera@.service', listening, { IMAGE_STREAM_CUSTOMER_ID: 'door' });
  await sharp({ create: { width: 8, height: 8, channels: 3, background: 'teal' } }).toFile(
    join(watched, 'teal.png'),
  );
  const film = ['-re', '-f', 'lavfi', '-i', 'testsrc=duration=3:size=320x240', '-c:v', 'mpeg4'];
  const shoot = ['-loglevel', 'error', ...film, '-f', 'rtsp', '-rtsp_transport', 'tcp', url];
  await vi.waitUntil(async () => (await run('ffmpeg', shoot).ended).exitCode === 0, patience);
  expect((await camera.ended).exitCode, camera.log()).toBe(0);

  const saved = (pattern: RegExp): number => filesIn(state).filter((name) => pattern.test(name)).length;
  await vi.waitUntil(() => saved(/customer=default\/.*teal.*\.png$/) === 1, patience);
  await vi.waitUntil(() => saved(/customer=door\/.*\.jpg$/) >= 5, patience);
  for (const service of [watch, consumer]) {
    service.process.kill('SIGTERM');
    expect((await service.ended).exitCode, service.log()).toBe(0);
  }
  expect(filesIn(state)).toContain('sent');
});

/** The variables in a file for `EnvironmentFile=`. */
function variables(name: string): Record<string, string> {
  return Object.fromEntries(
    [...read(name).matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key!, value!]),
  );
}

function inPlace(text: string, places: Record<string, string>): string {
  return Object.entries(places).reduce((changed, [from, to]) => changed.replaceAll(from, to), text);
}
