import { KafkaConfigError } from './errors.ts';
import type { KafkaProperties, NamesOf } from './known-properties.ts';

/**
 * The options of `...LoginModule required username="..." password='...';`. A backslash stands for the character after it; all options
 * are read in turn, so that none is found in another's value.
 */
export function jaasOptions(jaas: string): ReadonlyMap<string, string> {
  const option = /([\w.]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;"']+))/gs;
  return new Map(
    [...jaas.matchAll(option)].map(([, name, double, single, bare]) => [
      name!,
      (double ?? single ?? bare!).replaceAll(/\\(.)/gs, '$1'),
    ]),
  );
}

/**
 * What a property says, or else an option of `sasl.jaas.config`, where older clients have the same.
 *
 * @throws KafkaConfigError `CONTRADICTION` where the two differ
 */
export function loginValue(
  properties: KafkaProperties,
  jaas: ReadonlyMap<string, string>,
  property: NamesOf<string>,
  option: string,
): string | undefined {
  const [own, inJaas] = [properties[property], jaas.get(option)];
  if (own !== undefined && inJaas !== undefined && own !== inJaas) {
    throw new KafkaConfigError(
      'CONTRADICTION',
      `${property} and ${option} in sasl.jaas.config differ, and mean the same; remove one of them`,
    );
  }
  return own ?? inJaas;
}
