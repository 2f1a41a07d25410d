import { KafkaConfigError, isProgrammingError, rootCause } from '@image-stream/kafka-config';

/**
 * Whether the same request may succeed later. A broker that says no for good is final, and so is a bug, ours or the client's. Whatever
 * else goes wrong may go right: kafkajs calls several of its own states final, such as a lock that it waited for too long, a client
 * that is being replaced, and a broker whose connection is still to be made.
 */
export function isRetriable(error: unknown): boolean {
  const cause = rootCause(error) as { name?: string; retriable?: boolean };
  if (isProgrammingError(error) || cause.name === 'KafkaJSSASLAuthenticationError') {
    return false;
  }
  if (cause instanceof KafkaConfigError && cause.isUsage) {
    return false;
  }
  const isAnswer = cause.name === 'KafkaJSProtocolError' || cause.name === 'BrokerError';
  return isAnswer ? cause.retriable === true : true;
}
