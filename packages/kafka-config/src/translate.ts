import type { KafkaJSError } from 'kafkajs';
import { KafkaConfigError } from './errors.ts';

/**
 * An error of the client in the user's terms. What is not an error of Kafka passes unchanged.
 *
 * @param servers the addresses that were tried, for messages about the connection
 * @param attempt what failed, for messages about a request
 */
export function translate(
  error: unknown,
  servers: readonly string[],
  attempt = 'the cluster refused',
): unknown {
  const cause = rootCause(error);
  if (error instanceof KafkaConfigError || !(cause instanceof Error)) {
    return error;
  }
  const kafka = cause as Partial<KafkaJSError> & { type?: string };
  if (kafka.name === 'KafkaJSSASLAuthenticationError') {
    const message = `authentication failed: ${cause.message}; check sasl.mechanism and sasl.jaas.config`;
    return new KafkaConfigError('AUTHENTICATION_FAILED', message, { cause: error });
  }
  if (kafka.type?.endsWith('AUTHORIZATION_FAILED')) {
    return new KafkaConfigError('NOT_AUTHORIZED', `${attempt}: ${cause.message}; ask for the ACL`, {
      cause: error,
    });
  }
  if (kafka.type !== undefined) {
    return new KafkaConfigError('REFUSED', `${attempt}: ${cause.message}`, { cause: error });
  }
  if (servers.length > 0) {
    const message =
      `cannot reach Kafka at ${servers.join(', ')}: ${cause.message}; ` +
      'check --bootstrap-servers and that the broker runs';
    return new KafkaConfigError('UNREACHABLE', message, { cause: error });
  }
  return error;
}

/** The client wraps errors in "retries exceeded" and aggregates; what happened is inside. */
function rootCause(error: unknown): unknown {
  const { cause, errors } = error as { cause?: unknown; errors?: unknown[] };
  if (Array.isArray(errors) && errors.length > 0) {
    return rootCause(errors[0]);
  }
  return cause instanceof Error ? rootCause(cause) : error;
}
