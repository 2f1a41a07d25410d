/** The command line is wrong: exit code 2, with the message and where to find help. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly isUsage = true;
}

/** The user has stopped what is of no use unfinished: exit code 1, with the message. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}
