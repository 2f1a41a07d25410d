import { readFile } from 'node:fs/promises';
import { getProperties } from 'properties-file';
import { configProviders, declaresProvider } from './config-providers.ts';
import type { Setting } from './config-providers.ts';
import { assertConsistent } from './consistency.ts';
import { KafkaConfigError } from './errors.ts';
import { isKnown, NotAllowed, parsers } from './known-properties.ts';
import type { KafkaProperties, PropertyName } from './known-properties.ts';
import { isSecret, shownName, shownValue } from './shown.ts';

/** Where properties come from, the strongest first. */
export interface PropertySources {
  /** Values of command-line options, by property. */
  readonly flags?: {
    readonly [Name in PropertyName]?: { readonly option: string; readonly text: string | undefined };
  };
  /** `name=value`, as given to `-X`; secrets are refused there. */
  readonly overrides?: readonly string[];
  /**
   * For `KAFKA_BOOTSTRAP_SERVERS` and `${env:NAME}`, and to tell `flags` and `overrides` that come from
   * `IMAGE_STREAM_` variables.
   */
  readonly environment?: NodeJS.ProcessEnv;
  /**
   * The config file where that is where an option's value comes from: weaker than the environment, stronger than `file`.
   * Options are without hyphens, as `acks` and `X`.
   */
  readonly configOf?: ((option: string, text: string) => string | undefined) | undefined;
  /** A Java properties file, as given to `--command-config`. */
  readonly file?: string | undefined;
  /** What holds where nothing else says. */
  readonly defaults?: { readonly [Name in PropertyName]?: string };
}

/**
 * Collects and checks properties: a flag or `-X` wins over the environment, that over the config file, that over the
 * properties file, and that over the defaults.
 *
 * @throws KafkaConfigError that names the property, where it was set, and its value unless that is secret
 */
export async function loadProperties(sources: PropertySources): Promise<KafkaProperties> {
  const {
    flags = {},
    overrides = [],
    environment = {},
    configOf = () => undefined,
    file,
    defaults = {},
  } = sources;
  const options = [
    ...fromFlags(flags, environment),
    ...overrides.map((override) => fromOverride(override, environment)),
  ].map((setting) => ({ ...setting, config: configOf(setting.option, setting.given) }));
  const fromConfig = options
    .filter(({ config }) => config !== undefined)
    .map(({ name, text, config }) => ({ name, text, origin: config! }));
  const others = options.filter(({ config }) => config === undefined);
  const commandLine = others.filter(isTyped);
  assertNoSecret(commandLine);
  assertAgreement(commandLine);

  const weakestFirst = [
    ...Object.entries(defaults).map(([name, text]) => ({ name, text, origin: 'the defaults' })),
    ...(file === undefined ? [] : await fromFile(file)),
    ...fromConfig,
    ...fromEnvironment(environment),
    ...others.filter((setting) => !isTyped(setting)),
    ...commandLine,
  ];
  const resolve = configProviders(weakestFirst, environment);
  const properties = Object.fromEntries(
    await Promise.all(
      weakestFirst
        .filter((setting) => !declaresProvider(setting))
        .map(async (setting) => [setting.name, parse(setting, await resolve(setting))] as const),
    ),
  ) as KafkaProperties;
  const given = weakestFirst.slice(Object.keys(defaults).length).map(({ name }) => name);
  assertConsistent(properties, new Set(given));
  return properties;
}

/** A setting, and the option that it was given with. */
interface OptionSetting extends Setting {
  readonly option: string;
  readonly given: string;
}

/** Options, whether they were typed or come from their variables, such as IMAGE_STREAM_ACKS. */
function fromFlags(
  flags: NonNullable<PropertySources['flags']>,
  environment: NodeJS.ProcessEnv,
): OptionSetting[] {
  return Object.entries(flags).flatMap(([name, { option, text }]) => {
    const variable = `IMAGE_STREAM_${option.slice(2).replaceAll('-', '_').toUpperCase()}`;
    return text === undefined
      ? []
      : [
          {
            name,
            text,
            origin: environment[variable] === text ? variable : option,
            option: option.slice(2),
            given: text,
          },
        ];
  });
}

function fromOverride(override: string, environment: NodeJS.ProcessEnv): OptionSetting {
  const origin = environment['IMAGE_STREAM_X'] === override ? 'IMAGE_STREAM_X' : '-X';
  const separator = override.indexOf('=');
  if (separator < 1) {
    // What was given may be a secret, or end in one.
    const [name = ''] = /^[\w.-]*/.exec(override) ?? [];
    const given = isKnown(name) ? `; ${name} has no '='` : '';
    throw new KafkaConfigError('INVALID_PROPERTY', `${origin} takes name=value${given}`);
  }
  return {
    name: override.slice(0, separator).trim(),
    text: override.slice(separator + 1),
    origin,
    option: 'X',
    given: override,
  };
}

function isTyped({ origin }: Setting): boolean {
  return origin.startsWith('-');
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

/** @param value the setting's text with what its references stand for, which no message shows */
function parse({ name, text, origin }: Setting, value: string): unknown {
  if (!isKnown(name)) {
    throw new KafkaConfigError(
      'UNKNOWN_PROPERTY',
      `property ${shownName(name)} (${origin}) is not known${suggestion(name)}`,
    );
  }
  try {
    return parsers[name](value.trim());
  } catch (error) {
    if (!(error instanceof NotAllowed)) {
      throw error;
    }
    throw new KafkaConfigError(
      'INVALID_PROPERTY',
      `${name} must be ${error.message}, not ${shownValue(name, text)} (${origin})`,
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

/** Every user of a machine can list its processes with their arguments, and shells keep what was typed. */
function assertNoSecret(settings: readonly Setting[]): void {
  const secret = settings.find(({ name }) => isKnown(name) && isSecret(name));
  if (secret !== undefined) {
    throw new KafkaConfigError(
      'INVALID_PROPERTY',
      `${secret.origin} must not hold '${secret.name}', which others would see in the list of processes; ` +
        'set it in the file of --command-config, or in IMAGE_STREAM_X',
    );
  }
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
        `${other.origin} sets ${name} to ${shownValue(name, other.text)}, ` +
          `but ${origin} sets it to ${shownValue(name, text)}`,
      );
    }
  }
}
