import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KafkaConfigError } from './errors.ts';
import { readPropertiesFile } from './properties-file.ts';
import { shownName } from './shown.ts';

/*
 * Kafka's configuration providers, which keep secrets out of the properties file:
 *
 *   config.providers=env
 *   config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
 *   ssl.key.password=${env:KEY_PASSWORD}
 *
 * As in Kafka, a name means nothing unless `config.providers` declares it: a password may contain `${`.
 */

/** One property as it was set. */
export interface Setting {
  readonly name: string;
  /** The name as it was given, where another is read as `name`. */
  readonly spelling: string;
  readonly text: string;
  /** Where it was set, for messages. */
  readonly origin: string;
  /** True in a file that other clients may read as well. */
  readonly isShared?: true;
}

/** What a provider holds under a key; undefined where it holds nothing. */
type Provider = (path: string, key: string) => Promise<string | undefined>;

const packageName = 'org.apache.kafka.common.config.provider.';

const providerOf = (environment: NodeJS.ProcessEnv): Record<string, Provider> => ({
  [`${packageName}EnvVarConfigProvider`]: async (_path, key) => environment[key],
  [`${packageName}FileConfigProvider`]: async (path, key) => (await readPropertiesFile(path))[key],
  // One file for each secret, as Docker and Kubernetes mount them; editors end a file with a line end.
  [`${packageName}DirectoryConfigProvider`]: async (path, key) =>
    (await readFile(join(path, key), 'utf8')).replace(/\r?\n$/, ''),
});

/** True for the properties that declare providers. */
export function declaresProvider({ name }: Setting): boolean {
  return name === 'config.providers' || name.startsWith('config.providers.');
}

/**
 * Reads the declarations among the settings.
 *
 * @returns what gives a setting's text with `${provider:path:key}` and `${provider:key}` replaced
 * @throws KafkaConfigError `UNKNOWN_PROPERTY`, `INVALID_PROPERTY`, and, from what is returned, `UNREADABLE_FILE`
 */
export function configProviders(
  settings: readonly Setting[],
  environment: NodeJS.ProcessEnv,
): (setting: Setting) => Promise<string> {
  const declarations = settings.filter(declaresProvider);
  const declared = new Map(declarations.map(({ name, text }) => [name, text.trim()]));
  const names = (declared.get('config.providers') ?? '').split(',').map((name) => name.trim());
  for (const { name, origin } of declarations) {
    if (name !== 'config.providers' && !names.some((one) => name === `config.providers.${one}.class`)) {
      const message = `property ${shownName(name)} (${origin}) is not known, or config.providers lacks its name`;
      throw new KafkaConfigError('UNKNOWN_PROPERTY', message);
    }
  }
  const known = providerOf(environment);
  const providers = new Map(
    names.filter(Boolean).map((name) => {
      const className = declared.get(`config.providers.${name}.class`) ?? 'nothing';
      const provider = Object.hasOwn(known, className) ? known[className] : undefined;
      if (provider === undefined) {
        throw new KafkaConfigError(
          'INVALID_PROPERTY',
          `config.providers.${name}.class must be one of ${Object.keys(known).join(', ')}, not '${className}'`,
        );
      }
      return [name, provider];
    }),
  );
  return (setting) => replaceReferences(setting, providers);
}

/** The syntax is that of Kafka's ConfigTransformer. */
const reference = /\$\{([^}:]*):(?:([^}]*?):)?([^}]*)\}/g;

async function replaceReferences(
  setting: Setting,
  providers: ReadonlyMap<string, Provider>,
): Promise<string> {
  const found = await Promise.all(
    [...setting.text.matchAll(reference)].map(async ([whole, name = '', path = '', key = '']) => {
      const provider = providers.get(name);
      return provider === undefined ? whole : await held(provider, { setting, whole, path, key });
    }),
  );
  return setting.text.replaceAll(reference, () => found.shift()!);
}

async function held(
  provider: Provider,
  { setting, whole, path, key }: { setting: Setting; whole: string; path: string; key: string },
): Promise<string> {
  const failed = (problem: string, options?: ErrorOptions): KafkaConfigError => {
    const message = `${shownName(setting.name)} (${setting.origin}) refers to ${whole}: ${problem}`;
    return new KafkaConfigError('UNREADABLE_FILE', message, options);
  };
  let value;
  try {
    value = await provider(path, key);
  } catch (error) {
    throw failed((error as Error).message, { cause: error });
  }
  if (value === undefined) {
    throw failed(path === '' ? `the environment has no ${key}` : `there is no ${key} in it`);
  }
  return value;
}
