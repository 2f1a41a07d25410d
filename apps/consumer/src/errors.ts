/** The address of --metrics-host and --metrics-port cannot be listened on; the message says why, and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code = 'CANNOT_LISTEN';
}
