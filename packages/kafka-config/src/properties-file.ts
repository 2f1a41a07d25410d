import { readFile } from 'node:fs/promises';
import { TextDecoder } from 'node:util';
import { getProperties } from 'properties-file';

/**
 * The properties of a file in the syntax of Java. It is read as UTF-8, or as ISO 8859-1, which Java expects, where it is not UTF-8.
 *
 * @throws Error for a file that cannot be read, is in UTF-16, as Windows PowerShell writes it, or has a wrong escape
 */
export async function readPropertiesFile(file: string): Promise<Record<string, string>> {
  const content = await readFile(file);
  if (content.includes(0)) {
    throw new Error(`${file} is in UTF-16, or is no text; save it as UTF-8`);
  }
  try {
    return getProperties(decoded(content));
  } catch (error) {
    // What the parser says shows part of a value, which may be a secret.
    throw new Error(`${file} has \\u without four hexadecimal digits; write the backslash of a path twice`, {
      cause: error,
    });
  }
}

/** A byte order mark is dropped by both decoders of UTF-8 and would be part of the first name. */
function decoded(content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return content.toString('latin1');
  }
}
