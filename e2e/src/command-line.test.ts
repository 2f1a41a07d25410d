import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { closedPort, filesIn, temporaryFolder } from './files.test-support.ts';
import { committed, createTopic, ends, receive, uniqueName, withAdmin } from './kafka.test-support.ts';
import { bootstrapServers, run, start, succeed, summaryOf } from './programs.test-support.ts';

const small = ['--width', '16', '--height', '16'];

test.each(['producer', 'consumer'])('the %s carries the patched client with it', (app) => {
  const folder = fileURLToPath(new URL(`../../apps/${app}/dist`, import.meta.url));
  const code = readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join();
  expect(code).toContain('class ResponseReader');
  expect(code).not.toContain('from "kafkajs"');
});

describe("the Python application's command lines work", () => {
  test('in their short forms', async () => {
    const topic = uniqueName();
    const output = temporaryFolder();

    const producer = await start('producer', [
      ...['-bs', bootstrapServers, '-rt', '300000', '-mrs', '13772512', '-a', '1', '-n', '2', '-cid', 'c-1'],
      ...['-t', topic, ...small],
    ]).ended;
    const consumer = await start('consumer', [
      ...[
        '-t',
        topic,
        '-bs',
        bootstrapServers,
        '-aor',
        'earliest',
        '-eac',
        'False',
        '-gid',
        topic,
        '-o',
        output,
      ],
      '--exit-at-end',
    ]).ended;

    expect([producer.exitCode, consumer.exitCode]).toEqual([0, 0]);
    expect(filesIn(output)).toHaveLength(2);
    expect(filesIn(output).every((file) => file.startsWith('customer=c-1/'))).toBe(true);
  });

  test('in their long forms, with underscores', async () => {
    const topic = uniqueName();
    const output = temporaryFolder();

    const producer = await start('producer', [
      ...['--bootstrap_servers', bootstrapServers, '--request_timeout_ms', '300000'],
      ...['--max_request_size', '13772512', '--acks', '-1', '--num_messages', '2', '--customer_id=c-2'],
      ...['-t', topic, ...small],
    ]).ended;
    const consumer = await start('consumer', [
      ...['--topic', topic, '--bootstrap_servers', bootstrapServers, '--auto_offset_reset', 'earliest'],
      ...['--enable_auto_commit', 'True', '--group_id', topic, '--output_directory', output],
      '--exit-at-end',
    ]).ended;

    expect([producer.exitCode, consumer.exitCode]).toEqual([0, 0]);
    expect(filesIn(output)).toHaveLength(2);
    expect(await committed(topic, topic)).toEqual([2]);
  });

  test('encodings as files are named', async () => {
    const topic = uniqueName();
    const output = temporaryFolder();
    await succeed('producer', ['-n1', '-t', topic, '--encoding', 'jpg', ...small]);
    await succeed('consumer', ['-n1', '-t', topic, '-gid', topic, '-o', output, '--save-as=tif']);
    expect(filesIn(output)).toEqual([expect.stringMatching(/\.tif$/)]);
  });

  test.each(['0', '1', 'all', '-1'])('with --acks %s', async (acks) => {
    const topic = uniqueName();
    expect(await succeed('producer', ['-n', '1', '-a', acks, '-t', topic, ...small])).toMatchObject({
      images: 1,
      failed: 0,
    });
  });
});

describe('with --json, the last line on standard output is the summary', () => {
  test('of both programs, and logs go to standard error', async () => {
    const topic = uniqueName();
    const producer = await start('producer', ['-n', '3', '-t', topic, ...small, '--json']).ended;
    const consumer = await start('consumer', [
      ...['-t', topic, '-gid', topic, '-o', temporaryFolder(), '--exit-at-end', '--json'],
    ]).ended;

    const shape = {
      images: 3,
      failed: 0,
      skipped: 0,
      deadLettered: 0,
      tombstones: 0,
      removed: 0,
      payloadBytes: expect.any(Number),
      wireBytes: expect.any(Number),
      seconds: expect.any(Number),
      imagesPerSecond: expect.any(Number),
    };
    expect(summaryOf(producer.stdout)).toEqual(shape);
    expect(summaryOf(producer.stdout).payloadBytes).toBe(3 * 16 * 16 * 3);
    expect(summaryOf(consumer.stdout)).toEqual(shape);
    expect(summaryOf(consumer.stdout).seconds).toBeGreaterThan(0);
    expect(producer.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(producer.stderr).toMatch(/created topic/);
  });
});

describe('a mistake is one line on standard error', () => {
  test.each([
    ['producer', [], 2, /--num-messages/],
    ['producer', ['-n', '0'], 2, /--num-messages must be a whole number, 1 or more, not '0'/],
    ['producer', ['-n', '-1'], 2, /--num-messages must be a whole number, 1 or more, not '-1'/],
    ['producer', ['-n', 'x'], 2, /--num-messages must be a whole number, 1 or more, not 'x'/],
    ['producer', ['-n', '1', '--unknown', '1'], 2, /unknown/],
    ['producer', ['doctr'], 2, /there is no file 'doctr'; did you mean producer doctor\?/],
    ['producer', ['-t', 'x', 'doctor'], 2, /a command comes first: producer doctor \.\.\./],
    ['producer', ['-n', '1', '-t', 'a b'], 2, /topic 'a b' must have 1 to 249 characters of/],
    ['producer', ['-n', '1', '-a', '2'], 2, /acks must be one of 0, 1, all, -1, not '2'/],
    ['producer', ['-n', '1', '-X', 'linger=1'], 2, /property 'linger' .* is not known/],
    ['producer', ['-n', '1', '-bs', 'localhost'], 2, /bootstrap\.servers must be host:port/],
    ['producer', ['-n', '1', '--format', 'python-json', '--encoding', 'png'], 2, /python-json/],
    ['consumer', ['-n', '0'], 2, /--num-messages must be a whole number, 1 or more, not '0'/],
    ['consumer', ['-aor', 'first'], 2, /auto\.offset\.reset must be one of earliest, latest, not 'first'/],
    ['consumer', ['-o', '/proc/image-stream'], 1, /\/proc\/image-stream/],
    ['consumer', ['--shard-images', '5'], 2, /--shard-images has no effect without --layout/],
    ['consumer', ['--layout', 'webdataset', '--overwrite'], 2, /--overwrite has no effect with --layout/],
    ['consumer', ['--metrics-host', '0.0.0.0'], 2, /--metrics-host has no effect without --metrics-port/],
    [
      'producer',
      ['-n', '1', '--metrics-host', '::1'],
      2,
      /--metrics-host has no effect without --metrics-port/,
    ],
    ['gallery', ['--metrics-host', '::1'], 2, /--metrics-host has no effect without --metrics-port/],
    ['consumer', ['-X', 'session.timeout.ms=1000', '-X', 'heartbeat.interval.ms=1000'], 2, /heartbeat/],
  ] satisfies ['producer' | 'consumer' | 'gallery', string[], number, RegExp][])(
    '%s %j ends with exit code %i',
    async (program, args, code, message) => {
      const { exitCode, stdout, stderr } = await start(program, args).ended;

      expect(stderr).toMatch(message);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(stderr).toMatch(new RegExp(`^${program}: `));
      expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
    },
  );

  test.each(['-X', '-gid'])('a setting of the group that is wrong, with %s', async (option) => {
    const [value, problem] =
      option === '-gid'
        ? ['', "group.id must be a name of 1 to 32767 bytes, not '' (--group-id)"]
        : [
            'session.timeout.ms=1800001',
            'session.timeout.ms=1800001 is refused by the broker; it must be from',
          ];
    const args = ['-t', await createTopic(), '-o', temporaryFolder(), option, value];
    const { exitCode, stderr } = await start('consumer', [...args, '--quiet']).ended;
    expect(stderr).toContain(`consumer: ${problem}`);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(exitCode).toBe(2);
  });

  test('an output directory that is a file', async () => {
    const file = join(temporaryFolder(), 'output');
    writeFileSync(file, '');
    const { exitCode, stderr } = await start('consumer', ['-t', uniqueName(), '-o', file]).ended;
    expect(exitCode).toBe(1);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toContain(file);
  });

  test.each(['producer', 'consumer'] as const)('a %s whose broker is not there', async (program) => {
    const args = program === 'producer' ? ['-n', '1'] : ['-o', temporaryFolder()];
    const servers = `localhost:${await closedPort()}`;

    const { exitCode, stderr } = await start(program, [...args, '-bs', servers, '-rt', '300000']).ended;

    expect(exitCode).toBe(1);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toContain(`cannot reach Kafka at ${servers}`);
  });
});

describe('a consumer whose topic does not exist', () => {
  test('waits for it, and reads it from its beginning once a producer has created it', async () => {
    const topic = uniqueName();
    const output = temporaryFolder();
    const consumer = start('consumer', ['-t', topic, '-gid', topic, '-o', output, '-n', '2']);
    const waiting = `WARN: topic ${topic} does not exist yet: waiting for it`;
    await expect.poll(consumer.log, { timeout: 30_000 }).toContain(waiting);
    expect(await withAdmin((admin) => admin.listTopics())).not.toContain(topic);

    await succeed('producer', ['-n', '2', '-t', topic, ...small]);
    const { exitCode, stderr } = await consumer.ended;
    expect(exitCode).toBe(0);
    expect(stderr.split(waiting)).toHaveLength(2);
    expect(stderr).toContain(`INFO: reading ${topic} on ${bootstrapServers} as group ${topic}\n`);
    expect(stderr).toContain(`INFO: saving to ${output}\n`);
    expect(filesIn(output)).toHaveLength(2);
  });

  test('ends at the first signal, with a summary of nothing', async () => {
    const consumer = start('consumer', ['-t', uniqueName(), '-o', temporaryFolder()]);
    await expect.poll(consumer.log, { timeout: 30_000 }).toContain('waiting for it');
    consumer.process.kill('SIGTERM');
    expect(await consumer.ended).toMatchObject({ exitCode: 0, stdout: 'saved 0 images\n' });
  });

  test.each(['--exit-at-end', '--until=1h'])(
    'with %s says so, and which topic may be meant',
    async (option) => {
      const topic = await createTopic();
      const args = ['-t', `${topic}x`, '-o', temporaryFolder(), option];
      const { exitCode, stdout, stderr } = await start('consumer', args).ended;
      expect(stderr).toBe(`consumer: there is no topic '${topic}x'; did you mean ${topic}?\n`);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
      expect(await withAdmin((admin) => admin.listTopics())).not.toContain(`${topic}x`);
    },
  );
});

test('what is sent where is said first, and what is left when it was stopped', async () => {
  const topic = await createTopic();
  const producer = start('producer', ['-n', '100000', '--rate', '20', '-t', topic, ...small]);
  await receive(topic, 2);
  producer.process.kill('SIGTERM');
  const { exitCode, stdout, stderr } = await producer.ended;
  expect(exitCode).toBe(0);
  const sent = Number(/^sent (\d+) images: /.exec(stdout)![1]);
  expect(stderr).toContain(
    `INFO: sending 100000 generated images (noise) to ${topic} on ${bootstrapServers}\n`,
  );
  expect(stderr).toContain(`INFO: stopped with ${100_000 - sent} of 100000 images left\n`);
  expect(stderr).toContain('INFO: acks=1: each image was acknowledged by only the leader of its partition\n');
});

test('of the files of a folder, those that were not sent are counted', async () => {
  const topic = await createTopic();
  const folder = temporaryFolder();
  const raw = { width: 8, height: 8, channels: 3 } as const;
  const file = await sharp(Buffer.alloc(8 * 8 * 3), { raw })
    .png()
    .toBuffer();
  for (let index = 0; index < 300; index++) {
    writeFileSync(join(folder, `${index}.png`), file);
  }
  const producer = start('producer', [folder, '--rate', '20', '-t', topic]);
  await receive(topic, 2);
  producer.process.kill('SIGTERM');
  const { exitCode, stdout, stderr } = await producer.ended;
  expect(exitCode).toBe(0);
  const sent = Number(/^sent (\d+) images: /.exec(stdout)![1]);
  expect(stderr).toContain(`INFO: sending ${folder} to ${topic} on ${bootstrapServers}\n`);
  expect(stderr).toContain(`INFO: stopped with ${300 - sent} of 300 images left\n`);
});

test('the help and the summary fit a terminal of 80 columns', async () => {
  for (const args of [
    ['producer'],
    ['consumer'],
    ['gallery'],
    ['consumer', 'verify'],
    ['consumer', 'peek'],
  ]) {
    const [program, ...command] = args as ['producer'];
    const { stdout } = await start(program, [...command, '-h']).ended;
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  }
});

test('a topic is created with a limit that fits, partitions and replicas as asked', async () => {
  const topic = uniqueName();
  await succeed('producer', ['-n', '1', '-t', topic, '-mrs', '5000000', '--partitions', '3', ...small]);

  await withAdmin(async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    expect(topics[0]!.partitions).toHaveLength(3);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames: ['max.message.bytes'] }],
    });
    expect(resources[0]!.configEntries[0]!.configValue).toBe('5000000');
  });
});

test('properties come from a file, -X and the environment', async () => {
  const folder = temporaryFolder();
  const topic = uniqueName();
  const file = join(folder, 'client.properties');
  writeFileSync(file, `# as for Kafka's own tools\nbootstrap.servers : ${bootstrapServers}\nacks=all\n`);

  const args = ['-n', '1', '-F', file, '-X', 'client.id=scanner', ...small, '--json'];
  const { exitCode, stdout } = await start('producer', args, {
    KAFKA_BOOTSTRAP_SERVERS: undefined,
    IMAGE_STREAM_TOPIC: topic,
  }).ended;

  expect(exitCode).toBe(0);
  expect(summaryOf(stdout)).toMatchObject({ images: 1 });
  expect(await withAdmin((admin) => admin.listTopics())).toContain(topic);
});

test('options come from a file, for a program and its commands', async () => {
  const folder = temporaryFolder();
  const topic = uniqueName();
  const file = join(folder, 'run.yaml');
  writeFileSync(file, `topic: ${topic}\nnum-messages: 2\nwidth: 16\nheight: 16\nacks: all\n`);

  const environment = { KAFKA_BOOTSTRAP_SERVERS: bootstrapServers };
  const { exitCode, stdout } = await start('producer', ['--config', file, '--json'], environment).ended;
  expect({ exitCode, summary: summaryOf(stdout) }).toMatchObject({ exitCode: 0, summary: { images: 2 } });

  const doctor = await start('producer', ['doctor', '--config', file]).ended;
  expect(doctor.stdout).toContain(`may write to topic ${topic}`);

  writeFileSync(file, 'tpoic: x\nnum-messages: 2\n');
  expect(await start('producer', ['--config', file]).ended).toEqual({
    exitCode: 2,
    stdout: '',
    stderr: `producer: ${file}: unknown option 'tpoic'; did you mean topic? (see producer --help)\n`,
  });
});

describe('the commands of the README', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const environment = { KAFKA_BOOTSTRAP_SERVERS: bootstrapServers };

  test.each([[['run', 'producer']], [['producer', 'start']]])(
    'pnpm --filter %j passes its arguments on, quietly',
    async (command) => {
      const args = ['-n', '2', '-t', uniqueName(), ...small, '--json', '--quiet'];

      const pnpm = ['pnpm', '--filter', ...command, ...args];
      const { exitCode, stdout, stderr } = await run('corepack', pnpm, environment, root).ended;

      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(JSON.parse(stdout)).toMatchObject({ images: 2 });
    },
  );

  test('paths are taken from where the user stands', async () => {
    const folder = temporaryFolder(join(root, 'e2e'));
    const topic = uniqueName();
    await succeed('producer', ['-n', '1', '-t', topic, ...small]);

    const args = ['-t', topic, '-gid', topic, '-o', 'pictures', '--exit-at-end'];
    const pnpm = ['pnpm', '--filter', 'run', 'consumer', ...args];
    const { exitCode } = await run('corepack', pnpm, environment, folder).ended;

    expect(exitCode).toBe(0);
    expect(filesIn(join(folder, 'pictures'))).toHaveLength(1);
  });

  test('exit codes pass through', async () => {
    const pnpm = ['pnpm', '--filter', 'run', 'consumer', '-n', '0'];
    expect((await run('corepack', pnpm, environment, root).ended).exitCode).toBe(2);
  });

  test('a signal to pnpm reaches the program, which drains', async () => {
    const topic = await createTopic();
    const args = ['-n', '1000', '--rate', '20', '-t', topic, ...small, '--json'];
    const { process: pnpm, ended } = run('corepack', ['pnpm', 'producer', ...args], environment, root);
    await receive(topic, 3);

    pnpm.kill('SIGTERM');
    const { exitCode, stdout } = await ended;

    expect(exitCode).toBe(0);
    const { images, failed } = summaryOf(stdout);
    expect(failed).toBe(0);
    expect(await ends(topic)).toBe(images);
  });
});

describe('where a value was given is known, also where another place holds the same text', () => {
  test.each<[string, string[], NodeJS.ProcessEnv, string]>([
    [
      'an option in its variable',
      ['--acks', 'all', '-X', 'acks=1'],
      { IMAGE_STREAM_ACKS: 'all' },
      "--acks sets acks to 'all', but -X sets it to '1'",
    ],
    [
      'a property in IMAGE_STREAM_X',
      ['--acks', 'all', '-X', 'acks=1'],
      { IMAGE_STREAM_X: 'acks=1' },
      "--acks sets acks to 'all', but -X sets it to '1'",
    ],
    [
      'a property in a config file',
      ['--acks', 'all', '-X', 'acks=1', '--config', 'CONFIG'],
      {},
      "--acks sets acks to 'all', but -X sets it to '1'",
    ],
    [
      'a secret in IMAGE_STREAM_X',
      ['-X', 'security.protocol=SSL', '-X', 'ssl.key.password=hunter2'],
      { IMAGE_STREAM_X: 'ssl.key.password=hunter2' },
      "-X must not hold 'ssl.key.password', which others would see in the list of processes; " +
        'set it in the file of --command-config, or in IMAGE_STREAM_X',
    ],
    [
      'the name of an option is that of a file',
      ['--', '--acks'],
      { IMAGE_STREAM_ACKS: '2' },
      "acks must be one of 0, 1, all, -1, not '2' (IMAGE_STREAM_ACKS)",
    ],
  ])('%s', async (_case, args, environment, message) => {
    const config = join(temporaryFolder(), 'run.yaml');
    writeFileSync(config, 'X: [acks=1]\n');
    const withConfig = args.map((word) => (word === 'CONFIG' ? config : word));
    const { exitCode, stderr } = await start('producer', ['-n', '1', ...withConfig], environment).ended;
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: `producer: ${message} (see producer --help)\n`,
    });
  });
});

test('the largest times and sizes are taken, and the end does not wait for them', async () => {
  const [topic, largest] = [uniqueName(), 2 ** 31 - 1];
  const all = (...names: string[]): string[] => names.flatMap((name) => ['-X', `${name}=${largest}`]);
  const shared = all(
    'request.timeout.ms',
    'retry.backoff.ms',
    'metadata.max.age.ms',
    'socket.connection.setup.timeout.ms',
  );
  await succeed('producer', [
    ...['-t', topic, '-n', '2', '--width', '8', '--height', '8', ...shared],
    ...all('delivery.timeout.ms', 'max.request.size'),
  ]);
  const consume = [
    ...['-t', topic, '--exit-at-end', ...shared],
    ...all('max.poll.interval.ms', 'fetch.max.bytes', 'max.partition.fetch.bytes', 'auto.commit.interval.ms'),
    ...['-eac', 'true', '-X', `fetch.max.wait.ms=${largest - 1}`],
  ];
  for (const part of [
    ['-gid', topic],
    ['--since', '1h'],
  ]) {
    const args = [...consume, '-o', temporaryFolder(), ...part];
    expect(await succeed('consumer', args)).toMatchObject({ images: 2, failed: 0 });
  }
});
