/**
 * What is wrong between the configuration and the cluster.
 *
 * - `UNKNOWN_PROPERTY`, `INVALID_PROPERTY`, `CONTRADICTION`, `UNREADABLE_FILE`: the configuration.
 * - `INVALID_TOPIC`: a name that Kafka does not allow.
 * - `UNREACHABLE`: no broker answered.
 * - `AUTHENTICATION_FAILED`, `NOT_AUTHORIZED`: the broker answered and refused.
 * - `RECORD_TOO_LARGE`: a record is larger than its topic takes, its `max.message.bytes`.
 * - `REFUSED`: the cluster answered with another error.
 */
export type KafkaConfigErrorCode =
  | 'UNKNOWN_PROPERTY'
  | 'INVALID_PROPERTY'
  | 'CONTRADICTION'
  | 'UNREADABLE_FILE'
  | 'INVALID_TOPIC'
  | 'UNREACHABLE'
  | 'AUTHENTICATION_FAILED'
  | 'NOT_AUTHORIZED'
  | 'RECORD_TOO_LARGE'
  | 'REFUSED';

/** What the cluster has to say, rather than the configuration. */
const answers: ReadonlySet<KafkaConfigErrorCode> = new Set([
  'UNREACHABLE',
  'AUTHENTICATION_FAILED',
  'NOT_AUTHORIZED',
  'RECORD_TOO_LARGE',
  'REFUSED',
]);

/** What this package throws; the message says what to change. */
export class KafkaConfigError extends Error {
  override readonly name = 'KafkaConfigError';
  /** Stable, for programs; the message is for people. */
  readonly code: KafkaConfigErrorCode;

  constructor(code: KafkaConfigErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** True where the user's input, not the cluster, is at fault. */
  get isUsage(): boolean {
    return !answers.has(this.code);
  }
}
