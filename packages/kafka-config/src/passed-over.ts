import { closestMatch } from 'leven';
import type { Setting } from './config-providers.ts';
import { KafkaConfigError } from './errors.ts';
import { parsers } from './known-properties.ts';
import { otherProperty, unsupportedNames } from './other-properties.ts';
import { isName, shownName } from './shown.ts';
import { otherSpellings } from './spellings.ts';

/** Hears of properties that have no effect. A pino logger is one, and so is `console`. */
export interface PropertyLogger {
  /** Takes the names of those that Kafka knows and that are not needed. */
  debug(message: string): void;
  /** Takes those that somebody may rely on, with what happens instead, and those that nothing knows. */
  warn(message: string): void;
}

/** Hears nothing. */
export const silent: PropertyLogger = { debug: () => {}, warn: () => {} };

/**
 * Says which of the properties that are not read have no effect. What no client knows is an error where it was meant for this program alone, or resembles what has an
 * effect.
 *
 * @throws KafkaConfigError `UNKNOWN_PROPERTY`, `INVALID_PROPERTY`
 */
export function passOver(settings: readonly Setting[], logger: PropertyLogger): void {
  const passed = { ignored: new Set<string>(), unsupported: new Set<string>(), unknown: new Set<string>() };
  for (const { name, text, origin, isShared } of settings) {
    const other = otherProperty(name, text.trim());
    if (other === undefined) {
      const meant = similar(name);
      if (isShared !== true || meant !== undefined || !isName(name)) {
        const advice =
          meant === undefined ? '; see the documentation for those that are' : `; did you mean '${meant}'?`;
        throw new KafkaConfigError(
          'UNKNOWN_PROPERTY',
          `property ${shownName(name)} (${origin}) is not known${advice}`,
        );
      }
      passed.unknown.add(name);
    } else if (other.kind === 'refuse') {
      throw new KafkaConfigError(
        'INVALID_PROPERTY',
        `${name} (${origin}) is not supported: ${other.reason}; remove it if you can do without it`,
      );
    } else if (other.kind === 'warn') {
      passed.unsupported.add(`${name} (${origin}) has no effect: ${other.reason}`);
    } else {
      passed.ignored.add(name);
    }
  }
  for (const message of passed.unsupported) {
    logger.warn(message);
  }
  if (passed.unknown.size > 0) {
    logger.warn(
      `no Kafka client knows these properties, which have no effect: ${[...passed.unknown].join(', ')}`,
    );
  }
  if (passed.ignored.size > 0) {
    logger.debug(`not needed here, and ignored: ${[...passed.ignored].join(', ')}`);
  }
}

/** What may have been meant by a name that nothing knows. */
function similar(name: string): string | undefined {
  const words = (property: string): string =>
    property
      .toLowerCase()
      .split(/[^a-z]+/)
      .toSorted()
      .join();
  const names = [...Object.keys(parsers), ...otherSpellings, ...unsupportedNames];
  // A letter in five may be wrong, and the unit may be left out.
  const maxDistance = Math.min(3, Math.floor(name.length / 5));
  return (
    names.find((known) => words(known) === words(name)) ??
    closestMatch(name.toLowerCase(), names, { maxDistance })
  );
}
