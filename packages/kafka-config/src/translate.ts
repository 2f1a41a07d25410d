import { AssertionError } from 'node:assert';
import type { KafkaJSError } from 'kafkajs';
import { connectionProblem } from './connection-problem.ts';
import { KafkaConfigError } from './errors.ts';
import type { KafkaConfigErrorCode } from './errors.ts';

/**
 * An error of the client in the user's terms, on one line. What is not an error of Kafka passes unchanged, and a bug comes out
 * of what the client wrapped around it, with its own stack.
 *
 * @param servers the user's `bootstrap.servers`: an address that is not among them, a broker gave
 * @param attempt what failed, for messages about a request; empty where the reader knows
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
  const failed = (code: KafkaConfigErrorCode, message: string): KafkaConfigError =>
    failure(code, message, error);

  const refused = attempt === '' ? '' : `${attempt}: `;
  const { name, type, message } = cause as Partial<KafkaJSError> & Error & { type?: string };
  if (type === 'UNSUPPORTED_SASL_MECHANISM') {
    return failed(
      'AUTHENTICATION_FAILED',
      'authentication failed: the broker does not have this SASL mechanism; check sasl.mechanism',
    );
  }
  if (name === 'KafkaJSSASLAuthenticationError') {
    return failed(
      'AUTHENTICATION_FAILED',
      `authentication failed: ${message}; check the user name and password in sasl.jaas.config, ` +
        'and that the broker has them for sasl.mechanism',
    );
  }
  if (type === 'ILLEGAL_SASL_STATE') {
    return failed(
      'AUTHENTICATION_FAILED',
      'authentication failed: the broker does not expect SASL there; check security.protocol and the port',
    );
  }
  if (type?.endsWith('AUTHORIZATION_FAILED')) {
    return failed('NOT_AUTHORIZED', `${refused}${message}; ${aclAdvice(type)}`);
  }
  if (type !== undefined) {
    const answer = message.includes(type) ? message : `${message} (${type})`;
    const advice = adviceOn[type];
    return failed('REFUSED', `${refused}${answer}${advice === undefined ? '' : `; ${advice}`}`);
  }
  return name.startsWith('KafkaJS') ? unreachable(cause, servers) : error;
}

/** Why a request failed, in the words of `translate`, for a message about what is tried again. */
export function reasonOf(error: unknown): string {
  const translated = translate(error, [], '');
  return translated instanceof Error ? translated.message : String(translated);
}

/** Where `kafka:up` has its broker, and the programs look for one. */
export const localServer = 'localhost:29092';

/** An error of a connection to one of the servers, or to a broker that one of them named. */
export function unreachable(
  cause: Error & { readonly broker?: string },
  servers: readonly string[],
): KafkaConfigError {
  const { broker = servers.join(', ') } = cause;
  const isAdvertised = cause.broker !== undefined && !isAmong(servers, broker);
  const { code, problem, advice } = connectionProblem(cause, isAdvertised);
  const who = isAdvertised && servers.length > 0 ? `, as a broker of ${servers.join(', ')} calls itself` : '';
  const isOurs = !isAdvertised && servers.length === 1 && servers[0] === localServer;
  const start = isOurs ? `; 'corepack pnpm kafka:up' in a clone of this project starts one` : '';
  return failure(code, `cannot reach Kafka at ${broker}${who}: ${problem}; ${advice}${start}`, cause);
}

/** In one line. */
function failure(code: KafkaConfigErrorCode, message: string, cause: unknown): KafkaConfigError {
  return new KafkaConfigError(code, message.replaceAll(/\s+/g, ' '), { cause });
}

/** The client writes an IPv6 address without its brackets. */
function isAmong(servers: readonly string[], broker: string): boolean {
  return servers.some((server) => server.replace(/^\[(.+)\]:/, '$1:') === broker);
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

/** What to do about an answer, where it does not say so itself. */
const adviceOn: Readonly<Record<string, string>> = {
  GROUP_COORDINATOR_NOT_AVAILABLE:
    'the brokers keep what groups commit in the topic __consumer_offsets, which they cannot create or which has no leader: check ' +
    'that all brokers run, and that offsets.topic.replication.factor on them, which is 3 unless it is set, is not more than there are brokers',
  INCONSISTENT_GROUP_PROTOCOL:
    'the group has members that are another kind of program or share out partitions in another way; choose another --group-id',
  GROUP_MAX_SIZE_REACHED:
    'end some of its members, raise group.max.size on the brokers, or choose another --group-id',
  NOT_ENOUGH_REPLICAS: 'check that all brokers run, and min.insync.replicas of the topic',
};

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
