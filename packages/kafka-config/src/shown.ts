/** True where a property's value must not be seen. */
export function isSecret(name: string): boolean {
  return /password|jaas|ssl\.keystore\.key/i.test(name);
}

/** A property's value for a message. A secret is never shown, not even a mistyped one. */
export function shownValue(name: string, value: string): string {
  return isSecret(name) ? 'a value that is not shown' : `'${value}'`;
}

/**
 * A property's name for a message. What cannot be a name is not shown: it may be a secret that
 * slipped out of its place, such as the second line of a private key.
 */
export function shownName(name: string): string {
  return /^[\w.-]{1,60}$/.test(name) ? `'${name}'` : 'with a name that is not shown';
}
