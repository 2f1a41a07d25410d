import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { filesIn, temporaryFolder } from './files.test-support.ts';
import { createTopic } from './kafka.test-support.ts';
import { bootstrapServers, succeed } from './programs.test-support.ts';

const hasKcat = spawnSync('kcat', ['-V']).status === 0;

test.skipIf(!hasKcat).each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
  'a photograph sent with kcat -z %s is saved as it is',
  async (codec) => {
    const topic = await createTopic();
    const folder = temporaryFolder();
    const output = join(folder, 'output');
    const photo = await sharp({ create: { width: 300, height: 200, channels: 3, background: 'olive' } })
      .png({ compressionLevel: 0 })
      .toBuffer();
    writeFileSync(join(folder, 'photo.png'), photo);

    const kcat = spawnSync('kcat', [
      ...['-P', '-b', bootstrapServers, '-t', topic, '-k', 'camera-7', '-H', 'customer_id=garden'],
      ...['-X', `compression.codec=${codec}`, join(folder, 'photo.png')],
    ]);
    expect(kcat.stderr.toString()).toBe('');
    await succeed('consumer', ['-t', topic, '-gid', topic, '-o', output, '--exit-at-end']);

    const [file, ...others] = filesIn(output);
    expect(others).toEqual([]);
    expect(file).toMatch(/^customer=garden\/date=\d{4}-\d\d-\d\d\/camera-7-0-0\.png$/);
    expect(readFileSync(join(output, file!)).equals(photo)).toBe(true);
  },
);
