import { readFile } from 'node:fs/promises';
import { getProperties } from 'properties-file';
import { KafkaConfigError } from './errors.ts';
import { isKnown, NotAllowed, parsers } from './known-properties.ts';
import type { KafkaProperties, PropertyName } from './known-properties.ts';

/** Where properties come from, the strongest first. */
export interface PropertySources {
  /** Values of command-line options, by property. */
  readonly flags?: {
    readonly [Name in PropertyName]?: { readonly option: string; readonly text: string | undefined };
  };
  /** `name=value`, as given to `-X`. */
  readonly overrides?: readonly string[];
  /** For `KAFKA_BOOTSTRAP_SERVERS`. */
  readonly environment?: NodeJS.ProcessEnv;
  /** A Java properties file, as given to `--command-config`. */
  readonly file?: string | undefined;
  readonly defaults?: { readonly [Name in PropertyName]?: string };
}

interface Setting {
  readonly name: string;
  readonly text: string;
  /** Where it was set, for messages. */
  readonly origin: string;
}

/**
 * Collects and checks properties: a flag or `-X` wins over the environment, that over the file, and
 * that over the defaults.
 *
 * @throws KafkaConfigError that names the property, its value, and where it was set
 */
export async function loadProperties(sources: PropertySources): Promise<KafkaProperties> {
  const { flags = {}, overrides = [], environment = {}, file, defaults = {} } = sources;
  const commandLine = [...fromFlags(flags), ...overrides.map(fromOverride)];
  assertAgreement(commandLine);

  const weakestFirst = [
    ...Object.entries(defaults).map(([name, text]) => ({ name, text, origin: 'the defaults' })),
    ...(file === undefined ? [] : await fromFile(file)),
    ...fromEnvironment(environment),
    ...commandLine,
  ];
  const properties = Object.fromEntries(
    weakestFirst.map((setting) => [setting.name, parse(setting)]),
  ) as KafkaProperties;
  assertConsistent(properties);
  return properties;
}

function fromFlags(flags: NonNullable<PropertySources['flags']>): Setting[] {
  return Object.entries(flags).flatMap(([name, { option, text }]) =>
    text === undefined ? [] : [{ name, text, origin: option }],
  );
}

function fromOverride(override: string): Setting {
  const separator = override.indexOf('=');
  if (separator < 1) {
    throw new KafkaConfigError('INVALID_PROPERTY', `-X takes name=value, not '${override}'`);
  }
  return { name: override.slice(0, separator).trim(), text: override.slice(separator + 1), origin: '-X' };
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Setting[] {
  const text = environment['KAFKA_BOOTSTRAP_SERVERS'];
  return text === undefined ? [] : [{ name: 'bootstrap.servers', text, origin: 'KAFKA_BOOTSTRAP_SERVERS' }];
}

async function fromFile(file: string): Promise<Setting[]> {
  let content;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw new KafkaConfigError(
      'UNREADABLE_FILE',
      `cannot read the properties file: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  return Object.entries(getProperties(content)).map(([name, text]) => ({ name, text, origin: file }));
}

function parse({ name, text, origin }: Setting): unknown {
  if (!isKnown(name)) {
    throw new KafkaConfigError(
      'UNKNOWN_PROPERTY',
      `property '${name}' (${origin}) is not known${suggestion(name)}`,
    );
  }
  try {
    return parsers[name](text.trim());
  } catch (error) {
    if (!(error instanceof NotAllowed)) {
      throw error;
    }
    throw new KafkaConfigError(
      'INVALID_PROPERTY',
      `${name} must be ${error.message}, not '${text}' (${origin})`,
    );
  }
}

/** A property that shares all words with the mistyped one, in whatever form. */
function suggestion(name: string): string {
  const words = (property: string): string =>
    property
      .toLowerCase()
      .split(/[^a-z]+/)
      .toSorted()
      .join();
  const similar = Object.keys(parsers).find((known) => words(known) === words(name));
  return similar === undefined
    ? '; see the documentation for those that are'
    : `; did you mean '${similar}'?`;
}

/** One command line must not say two things. */
function assertAgreement(settings: readonly Setting[]): void {
  for (const { name, text, origin } of settings.filter((setting) => setting.origin === '-X')) {
    const other = settings.find(
      (setting) => setting.name === name && setting.origin !== '-X' && setting.text !== text,
    );
    if (other !== undefined) {
      throw new KafkaConfigError(
        'CONTRADICTION',
        `${other.origin} sets ${name} to '${other.text}', but ${origin} sets it to '${text}'`,
      );
    }
  }
}

/** Properties that exclude or need one another. */
function assertConsistent(properties: KafkaProperties): void {
  const { 'security.protocol': protocol = 'PLAINTEXT' } = properties;
  const set = Object.keys(properties);
  const contradict = (message: string): never => {
    throw new KafkaConfigError('CONTRADICTION', message);
  };

  const ssl = set.find((name) => name.startsWith('ssl.'));
  if (ssl !== undefined && !protocol.endsWith('SSL')) {
    contradict(`${ssl} has no effect with security.protocol=${protocol}; set it to SSL or SASL_SSL`);
  }
  const sasl = set.find((name) => name.startsWith('sasl.'));
  if (sasl !== undefined && !protocol.startsWith('SASL')) {
    contradict(
      `${sasl} has no effect with security.protocol=${protocol}; set it to SASL_SSL or SASL_PLAINTEXT`,
    );
  }
  for (const needed of ['sasl.mechanism', 'sasl.jaas.config'] as const) {
    if (protocol.startsWith('SASL') && properties[needed] === undefined) {
      contradict(`security.protocol=${protocol} needs ${needed}`);
    }
  }
  if (properties['ssl.keystore.location'] !== undefined && properties['ssl.keystore.key'] !== undefined) {
    contradict('ssl.keystore.location and ssl.keystore.key exclude one another');
  }
  if (
    properties['ssl.truststore.location'] !== undefined &&
    properties['ssl.truststore.certificates'] !== undefined
  ) {
    contradict('ssl.truststore.location and ssl.truststore.certificates exclude one another');
  }
  assertLess(properties, 'heartbeat.interval.ms', 'session.timeout.ms');
  assertLess(properties, 'fetch.max.wait.ms', 'request.timeout.ms');
}

function assertLess(properties: KafkaProperties, smaller: PropertyName, larger: PropertyName): void {
  const [low, high] = [properties[smaller], properties[larger]];
  if (low !== undefined && high !== undefined && !(low < high)) {
    throw new KafkaConfigError(
      'CONTRADICTION',
      `${smaller}=${String(low)} must be less than ${larger}=${String(high)}`,
    );
  }
}
