/** True where a property's value must not be seen. */
export function isSecret(name: string): boolean {
  return /password|passphrase|secret|jaas|user\.info|ssl\.keystore\.key|key\.pem|auth\.token/i.test(name);
}

/** How much of a value it takes to know it again. */
const maxShown = 100;

/** A property's value for a message, cut where it is long. A secret is never shown, not even a mistyped one, or one in a URL. */
export function shownValue(name: string, value: string): string {
  const open = value.replace(/(:\/\/)[^/]*@/, '$1...@').replace(/(:\/\/[^?]*\?).*$/s, '$1...');
  const shown = open.length > maxShown ? `${open.slice(0, maxShown)}...` : open;
  return isSecret(name) ? 'a value that is not shown' : `'${shown}'`;
}

/**
 * A property's name for a message. What cannot be a name is not shown: it may be a secret that
 * slipped out of its place, such as the second line of a private key.
 */
export function shownName(name: string): string {
  return isName(name) ? `'${name}'` : 'with a name that is not shown';
}

/** True for what looks like the name of a property. */
export function isName(name: string): boolean {
  return /^[\w.-]{1,60}$/.test(name);
}
