/**
 * What `send` and `receive` throw, besides what their cause says.
 *
 * - `INVALID_OPTION`: options that are not allowed, or contradict one another.
 * - `NOT_SENT`: an image could not be read, encoded or delivered.
 * - `NOT_RECEIVED`: a record cannot be received, and stays uncommitted.
 */
export type ImageStreamErrorCode = 'INVALID_OPTION' | 'NOT_SENT' | 'NOT_RECEIVED';

/** What `send` and `receive` throw when they end early. Errors of Kafka and its settings are `KafkaConfigError`. */
export class ImageStreamError extends Error {
  override readonly name = 'ImageStreamError';
  /** Stable, for programs; the message is for people. */
  readonly code: ImageStreamErrorCode;

  /** @param options its `cause` is the error behind it */
  constructor(code: ImageStreamErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
