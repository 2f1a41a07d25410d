/**
 * Why Kafka could not be started or controlled.
 *
 * - `INVALID_OPTIONS`: the options given contradict each other or are out of range.
 * - `NOT_INSTALLED`: Java, or Maven for the first download, is not on this machine.
 * - `JAVA_TOO_OLD`: the Java on this machine is older than Kafka needs.
 * - `DOWNLOAD_FAILED`: Maven could not download Kafka.
 * - `PORT_IN_USE`: another process listens on a port that was asked for.
 * - `START_FAILED`: the broker ended before it was ready; the message shows the cause from its log.
 * - `NOT_READY`: the broker runs but did not become ready in time.
 * - `NOT_RUNNING`: a broker that is not running was to be paused or resumed.
 * - `CERTIFICATES_FAILED`: `keytool` could not make the certificates.
 */
export type LocalKafkaErrorCode =
  | 'INVALID_OPTIONS'
  | 'NOT_INSTALLED'
  | 'JAVA_TOO_OLD'
  | 'DOWNLOAD_FAILED'
  | 'PORT_IN_USE'
  | 'START_FAILED'
  | 'NOT_READY'
  | 'NOT_RUNNING'
  | 'CERTIFICATES_FAILED';

/** The one error this package throws; programs tell its kinds apart by `code`. */
export class LocalKafkaError extends Error {
  override readonly name = 'LocalKafkaError';
  readonly code: LocalKafkaErrorCode;

  constructor(code: LocalKafkaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
