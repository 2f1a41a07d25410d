import { UsageError } from '@image-stream/program';

/**
 * A regular expression with a group named `customer`, such as `(?<customer>[^/]+)/`, which takes the first folder. It
 * begins where the path does.
 *
 * @throws UsageError
 */
export function customerPattern(text: string): RegExp {
  let problem = 'has no group named customer';
  try {
    const pattern = new RegExp(`^(?:${text})`, 'u');
    if (text.includes('(?<customer>')) {
      return pattern;
    }
  } catch (error) {
    problem = `is none: ${(error as Error).message}`;
  }
  throw new UsageError(
    `--customer-from-path must be a regular expression such as '(?<customer>[^/]+)/'; '${text}' ${problem}`,
  );
}

/** The customer id in a path; with forward slashes, below the folder that was named. */
export function customerFromPath(pattern: RegExp): (relativePath: string) => string {
  return (relativePath) => {
    const customer = pattern.exec(relativePath)?.groups?.['customer'];
    if (!customer) {
      throw new Error(`its path ${relativePath} does not match --customer-from-path`);
    }
    return customer;
  };
}
