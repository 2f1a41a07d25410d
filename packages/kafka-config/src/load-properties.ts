import { isDeepStrictEqual } from 'node:util';
import { configProviders, declaresProvider } from './config-providers.ts';
import type { Setting } from './config-providers.ts';
import { assertConsistent } from './consistency.ts';
import { KafkaConfigError } from './errors.ts';
import { isKnown, NotAllowed, parsers } from './known-properties.ts';
import type { KafkaProperties, PropertyName } from './known-properties.ts';
import { otherProperty } from './other-properties.ts';
import { passOver, silent } from './passed-over.ts';
import type { PropertyLogger } from './passed-over.ts';
import { readPropertiesFile } from './properties-file.ts';
import { isSecret, shownValue } from './shown.ts';
import { canonicalName } from './spellings.ts';

/** The value of an option as it was given, and where. */
export interface GivenValue {
  readonly text: string;
  readonly source: 'command line' | 'environment' | 'config file';
  /** For messages, such as `--acks`, `IMAGE_STREAM_ACKS`, or the name of the config file. */
  readonly origin: string;
}

/** Where properties come from. */
export interface PropertySources {
  /** Values of options, by the property that each one sets. */
  readonly flags?: { readonly [Name in PropertyName]?: GivenValue | undefined };
  /** `name=value`, as given to `-X`; a string stands for one that was typed. Secrets are refused on the command line. */
  readonly overrides?: readonly (string | GivenValue)[];
  /** For `KAFKA_BOOTSTRAP_SERVERS` and `${env:NAME}`. */
  readonly environment?: NodeJS.ProcessEnv;
  /** A Java properties file, as given to `--command-config`. */
  readonly file?: string | undefined;
  /** What holds where nothing else says. */
  readonly defaults?: { readonly [Name in PropertyName]?: string };
}

/** Properties, and the names of those that somebody has set: the others are defaults of the program. */
export interface Settings {
  readonly properties: KafkaProperties;
  readonly given: ReadonlySet<string>;
}

/**
 * Collects and checks properties: the command line wins over the environment, that over the config file, that over the
 * properties file, and that over the defaults. Properties of Kafka's clients that are not needed are ignored; so are those of a
 * properties file that no client knows, as Kafka's own clients do, since others may share the file.
 *
 * @throws KafkaConfigError that names the property, where it was set, and its value unless that is secret
 */
export async function loadProperties(
  sources: PropertySources,
  logger: PropertyLogger = silent,
): Promise<KafkaProperties> {
  const { properties } = await loadSettings(sources, logger);
  return properties;
}

/**
 * As `loadProperties`, for a program that has to know which properties its user chose.
 *
 * @throws KafkaConfigError as `loadProperties`
 */
export async function loadSettings(
  sources: PropertySources,
  logger: PropertyLogger = silent,
): Promise<Settings> {
  const { flags = {}, overrides = [], environment = {}, file, defaults = {} } = sources;
  const options = [...fromFlags(flags), ...overrides.map(fromOverride)];
  const from = (wanted: GivenValue['source']): OptionSetting[] =>
    options.filter(({ source }) => source === wanted);
  assertNoSecret(from('command line'));

  const weakestFirst: Setting[] = [
    ...Object.entries(defaults).map(([name, text]) => spelled(name, { text, origin: 'the defaults' })),
    ...(file === undefined ? [] : await fromFile(file)),
    ...from('config file'),
    ...fromEnvironment(environment),
    ...from('environment'),
    ...from('command line'),
  ];
  const resolve = configProviders(weakestFirst, environment);
  const settings = weakestFirst.filter((setting) => !declaresProvider(setting));
  const known = settings.filter(({ name }) => isKnown(name));
  const parsed = new Map(
    await Promise.all(
      known.map(async (setting) => [setting, parse(setting, await resolve(setting))] as const),
    ),
  );
  passOver(
    settings.filter(({ name }) => !isKnown(name)),
    logger,
  );
  assertAgreement(options, parsed);
  assertOneMeaning(parsed);
  const properties = Object.fromEntries(
    [...parsed].map(([{ name }, value]) => [name, value]),
  ) as KafkaProperties;
  const chosen = new Set(weakestFirst.slice(Object.keys(defaults).length));
  const given = new Set(known.filter((setting) => chosen.has(setting)).map(({ name }) => name));
  assertConsistent(properties, given);
  return { properties, given };
}

/** A setting under the name that the table has for it. */
function spelled<T extends object>(name: string, setting: T): T & { name: string; spelling: string } {
  return { ...setting, name: canonicalName(name), spelling: name };
}

/** What an option sets. */
interface OptionSetting extends Setting {
  readonly source: GivenValue['source'];
  /** True for what `-X` sets. */
  readonly isOverride: boolean;
}

function fromFlags(flags: NonNullable<PropertySources['flags']>): OptionSetting[] {
  return Object.entries(flags).flatMap(([name, value]) =>
    value === undefined ? [] : [{ ...spelled(name, value), isOverride: false }],
  );
}

function fromOverride(value: string | GivenValue): OptionSetting {
  const typed = { source: 'command line', origin: '-X' } as const;
  const { text, source, origin } = typeof value === 'string' ? { text: value, ...typed } : value;
  const separator = text.indexOf('=');
  if (separator < 1) {
    // What was given may be a secret, or end in one.
    const [name = ''] = /^[\w.-]*/.exec(text) ?? [];
    const missing = isKnown(name) ? `; ${name} has no '='` : '';
    const place = source === 'config file' ? `X of ${origin}` : origin;
    throw new KafkaConfigError('INVALID_PROPERTY', `${place} takes name=value${missing}`);
  }
  return {
    ...spelled(text.slice(0, separator).trim(), { text: text.slice(separator + 1), source, origin }),
    isOverride: true,
  };
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Setting[] {
  const text = environment['KAFKA_BOOTSTRAP_SERVERS'];
  return text === undefined
    ? []
    : [spelled('bootstrap.servers', { text, origin: 'KAFKA_BOOTSTRAP_SERVERS' })];
}

async function fromFile(file: string): Promise<Setting[]> {
  let properties;
  try {
    properties = await readPropertiesFile(file);
  } catch (error) {
    throw new KafkaConfigError(
      'UNREADABLE_FILE',
      `cannot read the properties file: ${(error as Error).message}`,
      { cause: error },
    );
  }
  return Object.entries(properties).map(([name, text]) =>
    spelled(name, { text, origin: file, isShared: true }),
  );
}

/** @param value the setting's text with what its references stand for, which no message shows */
function parse({ name, spelling, text, origin }: Setting, value: string): unknown {
  try {
    return parsers[name as PropertyName](value.trim());
  } catch (error) {
    if (!(error instanceof NotAllowed)) {
      throw error;
    }
    throw new KafkaConfigError(
      'INVALID_PROPERTY',
      `${spelling} must be ${error.message}, not ${shownValue(name, text)} (${origin})`,
    );
  }
}

/** Every user of a machine can list its processes with their arguments, and shells keep what was typed. */
function assertNoSecret(settings: readonly Setting[]): void {
  const secret = settings.find(
    ({ name }) => isSecret(name) && (isKnown(name) || otherProperty(name, '') !== undefined),
  );
  if (secret !== undefined) {
    throw new KafkaConfigError(
      'INVALID_PROPERTY',
      `${secret.origin} must not hold '${secret.spelling}', which others would see in the list of processes; ` +
        'set it in the file of --command-config, or in IMAGE_STREAM_X',
    );
  }
}

/** One place must not say two things: a command line, an environment, a config file. */
function assertAgreement(settings: readonly OptionSetting[], values: ReadonlyMap<Setting, unknown>): void {
  for (const override of settings.filter(({ isOverride }) => isOverride)) {
    const { name, source, origin } = override;
    const flag = settings.find((one) => !one.isOverride && one.name === name && one.source === source);
    if (flag !== undefined && !isDeepStrictEqual(values.get(flag), values.get(override))) {
      const other = origin === flag.origin ? 'under X' : `${origin} sets it`;
      throw new KafkaConfigError(
        'CONTRADICTION',
        `${flag.origin} sets ${name} to ${shownValue(name, flag.text)}, ` +
          `but ${other} to ${shownValue(name, override.text)}`,
      );
    }
  }
}

/** One place must not give a property two values under two names. */
function assertOneMeaning(values: ReadonlyMap<Setting, unknown>): void {
  const settings = [...values.keys()];
  for (const one of settings.filter(({ name, spelling }) => name !== spelling)) {
    const other = settings.find(
      ({ name, origin, spelling }) => name === one.name && origin === one.origin && spelling !== one.spelling,
    );
    if (other !== undefined && !isDeepStrictEqual(values.get(one), values.get(other))) {
      throw new KafkaConfigError(
        'CONTRADICTION',
        `${one.origin} sets ${other.spelling} to ${shownValue(other.name, other.text)}, but ${one.spelling}, which means ` +
          `the same, to ${shownValue(one.name, one.text)}`,
      );
    }
  }
}
