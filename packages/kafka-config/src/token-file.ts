import { readFile } from 'node:fs/promises';
import { KafkaConfigError } from './errors.ts';
import { isToken } from './oauth-bearer.ts';
import type { TokenProvider } from './oauth-bearer.ts';

const property = 'sasl.oauthbearer.token.endpoint.url';

/**
 * A token in a file, which is read at every login: whoever issues tokens replaces them there before they expire.
 *
 * @throws KafkaConfigError from `get`: `UNREADABLE_FILE` where there is none
 */
export function tokenFile(file: string): TokenProvider {
  return {
    get: () => readToken(file),
    refused: () => {},
    advice: `${file} holds one that has not expired and is made for this broker`,
  };
}

async function readToken(file: string): Promise<string> {
  let content;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw new KafkaConfigError('UNREADABLE_FILE', `cannot read ${property}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const token = content.trim();
  if (!isToken(token)) {
    throw new KafkaConfigError(
      'UNREADABLE_FILE',
      `${property}: ${file} must hold one token and nothing else`,
    );
  }
  return token;
}
