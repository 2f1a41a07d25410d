import { UsageError } from '@image-stream/program';

/** What stands for the customer in a pattern. */
const placeholder = '{customer}';

/**
 * Finds the customer id in a path by a pattern such as `{customer}/**` or `sites/{customer}/*.png`: `{customer}` is
 * one folder's or file's name or a part of it, `*` is any text within a name, `**` any folders.
 *
 * @throws UsageError for a pattern without exactly one `{customer}`
 */
export function customerFromPath(pattern: string): (relativePath: string) => string {
  if (pattern.split(placeholder).length !== 2) {
    throw new UsageError(`--customer-from-path must contain ${placeholder} once, not '${pattern}'`);
  }
  const expression = new RegExp(
    `^${pattern.replaceAll(/\{customer\}|\*\*\/?|\*|[^*{]+|\{/g, translated)}$`,
    'u',
  );
  return (relativePath) => {
    const customer = expression.exec(relativePath)?.groups?.['customer'];
    if (customer === undefined) {
      throw new Error(`its path ${relativePath} does not match --customer-from-path '${pattern}'`);
    }
    return customer;
  };
}

function translated(part: string): string {
  if (part === placeholder) {
    return '(?<customer>[^/]+)';
  }
  if (part === '**/') {
    return '(?:.*/)?';
  }
  if (part === '**') {
    return '.*';
  }
  return part === '*' ? '[^/]*' : part.replaceAll(/[\\^$.|?+()[\]{}]/g, '\\$&');
}
