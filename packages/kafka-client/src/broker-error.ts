/** A broker's answer that a request, or its part for one partition, failed. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
  /** Kafka's name of the error, such as `NOT_LEADER_OR_FOLLOWER`. */
  readonly type: string;
  /** Whether the same request may succeed later. */
  readonly retriable: boolean;

  constructor(type: string, message: string, retriable: boolean) {
    super(message);
    this.type = type;
    this.retriable = retriable;
  }
}

/** Those that a reader meets, with what they mean: https://kafka.apache.org/protocol#protocol_error_codes */
const errors: Readonly<Record<number, readonly [type: string, meaning: string, isFinal?: true]>> = {
  [-1]: ['UNKNOWN_SERVER_ERROR', 'the broker met an error that it did not expect; its log says which'],
  1: ['OFFSET_OUT_OF_RANGE', 'the offset is not, or no longer, in the partition'],
  2: ['CORRUPT_MESSAGE', 'the broker found records damaged in its log'],
  3: ['UNKNOWN_TOPIC_OR_PARTITION', 'it does not exist, or not any more'],
  5: ['LEADER_NOT_AVAILABLE', 'it has no leader'],
  6: ['NOT_LEADER_OR_FOLLOWER', 'the broker does not have it, or not any more'],
  9: ['REPLICA_NOT_AVAILABLE', 'the broker does not have it at the moment'],
  17: ['INVALID_TOPIC_EXCEPTION', 'it has a name that Kafka does not allow', true],
  29: ['TOPIC_AUTHORIZATION_FAILED', 'this user may not read it', true],
  56: ['KAFKA_STORAGE_ERROR', 'the disk of its broker has failed'],
  74: ['FENCED_LEADER_EPOCH', 'it has a new leader'],
  75: ['UNKNOWN_LEADER_EPOCH', 'the broker has not heard of its new leader yet'],
  76: ['UNSUPPORTED_COMPRESSION_TYPE', 'its compression needs a newer version of the request', true],
  78: ['OFFSET_NOT_AVAILABLE', 'its new leader does not know its end yet'],
};

/** @param subject what the error is about, such as `photos[3]` */
export function brokerError(code: number, subject: string): BrokerError {
  const [type, meaning, isFinal] = errors[code] ?? [`error ${code}`, `the broker answers with error ${code}`];
  return new BrokerError(type, `${subject}: ${meaning} (${type})`, isFinal !== true);
}
