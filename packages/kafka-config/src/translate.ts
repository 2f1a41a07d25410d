import { AssertionError } from 'node:assert';
import type { KafkaJSError } from 'kafkajs';
import { connectionProblem } from './connection-problem.ts';
import { KafkaConfigError } from './errors.ts';
import type { KafkaConfigErrorCode } from './errors.ts';

/**
 * An error of the client in the user's terms, on one line. What is not an error of Kafka passes unchanged, and a bug comes out
 * of what the client wrapped around it, with its own stack.
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
  if (cause instanceof KafkaConfigError || isProgrammingError(cause)) {
    return cause;
  }
  if (!(cause instanceof Error)) {
    return error;
  }
  const failure = (code: KafkaConfigErrorCode, message: string): KafkaConfigError =>
    new KafkaConfigError(code, message.replaceAll(/\s+/g, ' '), { cause: error });

  const { name, type, message } = cause as Partial<KafkaJSError> & Error & { type?: string };
  if (type === 'UNSUPPORTED_SASL_MECHANISM') {
    return failure(
      'AUTHENTICATION_FAILED',
      'authentication failed: the broker does not have this SASL mechanism; check sasl.mechanism',
    );
  }
  if (name === 'KafkaJSSASLAuthenticationError') {
    return failure(
      'AUTHENTICATION_FAILED',
      `authentication failed: ${message}; check the user name and password in sasl.jaas.config, ` +
        'and that the broker has them for sasl.mechanism',
    );
  }
  if (type === 'ILLEGAL_SASL_STATE') {
    return failure(
      'AUTHENTICATION_FAILED',
      'authentication failed: the broker does not expect SASL there; check security.protocol and the port',
    );
  }
  if (type?.endsWith('AUTHORIZATION_FAILED')) {
    return failure('NOT_AUTHORIZED', `${attempt}: ${message}; ${aclAdvice(type)}`);
  }
  if (type !== undefined) {
    return failure('REFUSED', `${attempt}: ${message}`);
  }
  if (name === 'KafkaJSGroupCoordinatorNotFound') {
    // The client hides the broker's answer, which is nearly always that this user may not.
    const problem = 'the broker names no coordinator for the group';
    return failure('NOT_AUTHORIZED', `${attempt}: ${problem}; ${aclAdvice('GROUP')}`);
  }
  if (servers.length > 0) {
    const { code, problem, advice } = connectionProblem(cause);
    return failure(code, `cannot reach Kafka at ${servers.join(', ')}: ${problem}; ${advice}`);
  }
  return error;
}

const programmingErrors = [TypeError, RangeError, ReferenceError, SyntaxError, AssertionError];

/**
 * True for a bug in a program, ours or the client's, also where the client has wrapped it: a retry would fail the same way,
 * and only its stack says where it is.
 */
export function isProgrammingError(error: unknown): boolean {
  const cause = rootCause(error);
  return programmingErrors.some((kind) => cause instanceof kind);
}

/** Only the broker's side can mend this; SECURITY.md has the commands. */
function aclAdvice(type: string): string {
  const resource = type.startsWith('GROUP') ? 'group' : type.startsWith('TOPIC') ? 'topic' : 'cluster';
  return `this user needs an ACL for the ${resource} on the broker (kafka-acls.sh --add --${resource})`;
}

/** The client wraps errors in "retries exceeded" and aggregates; what happened is inside. */
export function rootCause(error: unknown): unknown {
  if (error instanceof KafkaConfigError) {
    return error;
  }
  const { cause, errors } = error as { cause?: unknown; errors?: unknown[] };
  if (Array.isArray(errors) && errors.length > 0) {
    return rootCause(errors[0]);
  }
  return cause instanceof Error ? rootCause(cause) : error;
}
