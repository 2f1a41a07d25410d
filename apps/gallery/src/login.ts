import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UsageError } from '@image-stream/program';

/** Who may look. */
export interface Login {
  /** @param authorization the header of a request */
  admits(authorization: string | undefined): boolean;
}

/** Where a login can be said; on the command line it cannot, since all users of a machine see that. */
export interface LoginPlaces {
  /** The file of `--login-file`. */
  readonly file: string | undefined;
  /** `IMAGE_STREAM_LOGIN`, which is what such a file holds. */
  readonly variable: string | undefined;
}

/** Shorter ones are guessed. */
const leastCharacters = 8;

/** What a token may be: https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
const tokenText = /^[\w.~+/-]+=*$/;

/**
 * Reads who may look: a login a line, `user:password`, or a token alone.
 *
 * @returns undefined where nobody has to log in
 * @throws UsageError
 */
export async function readLogin({ file, variable }: LoginPlaces): Promise<Login | undefined> {
  if (file === undefined && variable === undefined) {
    return undefined;
  }
  if (file !== undefined && variable !== undefined) {
    throw new UsageError('--login-file and IMAGE_STREAM_LOGIN are both set; unset one of them');
  }
  const origin = file === undefined ? 'IMAGE_STREAM_LOGIN' : `--login-file ${file}`;
  const lines = (variable ?? (await content(file!))).split(/\r?\n/);
  const passwords: Buffer[] = [];
  const tokens: Buffer[] = [];
  for (const [index, line] of lines.entries()) {
    if (line !== '') {
      const [user, ...rest] = line.split(':');
      const isToken = rest.length === 0;
      assertSecret(isToken, user!, rest.join(':'), `line ${index + 1} of ${origin}`);
      (isToken ? tokens : passwords).push(digest(line));
    }
  }
  if (passwords.length + tokens.length === 0) {
    throw new UsageError(`${origin} is empty; write user:password or a token, a line each`);
  }
  return { admits: (authorization) => admits(authorization, passwords, tokens) };
}

async function content(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--login-file cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** The message does not show the secret. */
function assertSecret(isToken: boolean, first: string, password: string, place: string): void {
  const { length } = isToken ? first : password;
  if (isToken && !tokenText.test(first)) {
    throw new UsageError(`${place} is neither user:password nor a token of letters, digits and -._~+/`);
  }
  if (!isToken && first === '') {
    throw new UsageError(`${place} has no user before the colon`);
  }
  if (length < leastCharacters) {
    const what = isToken ? 'a token' : 'a password';
    throw new UsageError(`${place}: ${what} must have ${leastCharacters} characters or more, not ${length}`);
  }
}

/** A browser, which sends what people type as a password, is also admitted with a token for it. */
function admits(
  authorization: string | undefined,
  passwords: readonly Buffer[],
  tokens: readonly Buffer[],
): boolean {
  const [, scheme = '', credentials = ''] = /^(basic|bearer) +(\S+)$/i.exec(authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') {
    return isAmong(tokens, credentials);
  }
  const typed = Buffer.from(credentials, 'base64').toString();
  const isPassword = isAmong(passwords, typed);
  return isAmong(tokens, typed.slice(typed.indexOf(':') + 1)) || isPassword;
}

/** Takes the same time whatever is compared: digests are of one length, and all of them are looked at. */
function isAmong(secrets: readonly Buffer[], text: string): boolean {
  const given = digest(text);
  return secrets.filter((secret) => timingSafeEqual(secret, given)).length > 0;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
