import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { KafkaConfigError } from './errors.ts';
import { untilRefused } from './refused.ts';
import { rootCause, translate, unreachable } from './translate.ts';

/** A broker that does not answer is reported within ten seconds, whatever the timeouts of requests. */
const reachTimeoutMs = 8000;

/**
 * Connects an admin client, or says why no broker can be reached.
 *
 * @throws KafkaConfigError `UNREACHABLE`, `AUTHENTICATION_FAILED`
 */
export async function connectAdmin(admin: Admin, servers: readonly string[]): Promise<void> {
  let isConnected = false;
  let timer;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(noAnswer(servers, isConnected)), reachTimeoutMs);
  });
  const over = new AbortController();
  try {
    const connected = connect(admin, () => {
      isConnected = true;
      over.abort();
    });
    await Promise.race([connected, timeout, refusal(servers, over.signal)]);
  } catch (error) {
    throw translate(error, servers);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

/** Fails when all servers refuse connections, which the client takes some four seconds to report. */
async function refusal(servers: readonly string[], signal: AbortSignal): Promise<never> {
  const error = await untilRefused(servers, signal);
  throw unreachable(error, servers);
}

async function connect(admin: Admin, connected: () => void): Promise<void> {
  await admin.connect();
  connected();
  // A broker answers the greeting of anyone; only its next answer shows that it would serve this client. It may also call
  // itself by an address that does not lead to it.
  await admin.describeCluster();
}

/** @param isConnected whether one of the servers has answered already */
function noAnswer(servers: readonly string[], isConnected: boolean): KafkaConfigError {
  const [cluster, limit] = [servers.join(', '), `within ${reachTimeoutMs / 1000} s`];
  return new KafkaConfigError(
    'UNREACHABLE',
    isConnected
      ? `${cluster} takes connections, but no broker of that cluster answers ${limit}; check that the brokers run, and that ` +
          'advertised.listeners on each of them names a host and port at which this machine reaches it'
      : `cannot reach Kafka at ${cluster}: no answer ${limit}; check --bootstrap-servers, the firewall, and that ` +
          'security.protocol fits the port',
  );
}

/** How long the brokers may take to hear of a new topic, and to choose its leaders and who serves a group. */
const servedTimeoutMs = 10_000;

/** What a broker says in the meantime. */
const notYet = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_LOAD_IN_PROGRESS',
]);

/**
 * Asks about a topic or a group until the broker knows it: each broker learns of a new topic by itself, so that one can still
 * deny what another one has confirmed. What kafkajs offers, `waitForLeaders`, fails at the first denial.
 *
 * @throws what `ask` throws for any other reason, or for this one after ten seconds
 */
export async function untilServed<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + servedTimeoutMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const { type = '' } = rootCause(error) as { type?: string };
      if (!notYet.has(type) || Date.now() > deadline) {
        throw error;
      }
    }
    await sleep(50);
  }
}

/** ConfigResourceTypes of kafkajs, spelled out so that this module loads without the client. */
const resourceTypes = { topic: 2, broker: 4 } as const;

/**
 * Settings of a topic as the broker has them, by their names, without those that it does not tell; undefined where this user may not
 * see any. A topic that was just created is waited for.
 *
 * @param names such as `max.message.bytes`
 * @throws what kafkajs throws for any other reason
 */
export async function topicSettings(
  admin: Admin,
  topic: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  const resource = { type: resourceTypes.topic, name: topic, configNames: [...names] };
  try {
    const { resources } = await untilServed(() =>
      admin.describeConfigs({ includeSynonyms: false, resources: [resource] }),
    );
    return told(resources[0]!.configEntries);
  } catch (error) {
    const { type = '' } = rootCause(error) as { type?: string };
    if (type.endsWith('AUTHORIZATION_FAILED')) {
      return undefined;
    }
    throw error;
  }
}

/** Managed services leave settings out, or tell null or nothing for them. */
function told(entries: readonly { configName: string; configValue: string | null }[]): Map<string, string> {
  return new Map(
    entries.flatMap(({ configName, configValue }) =>
      configValue ? [[configName, configValue] as const] : [],
    ),
  );
}

/** Settings of the brokers, by their names, without those that are not told, or that this user may not see. */
export async function brokerSettings(
  admin: Admin,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { brokers } = await admin.describeCluster();
  const name = String(brokers[0]?.nodeId);
  const resource = { type: resourceTypes.broker, name, configNames: [...names] };
  try {
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
    return told(resources[0]!.configEntries);
  } catch {
    return new Map();
  }
}

/**
 * The largest record batch that a topic takes, in bytes, its `max.message.bytes`; undefined where the broker does not tell. Else as
 * `topicSettings`.
 */
export async function topicLimit(admin: Admin, topic: string): Promise<number | undefined> {
  const settings = await topicSettings(admin, topic, ['max.message.bytes']);
  const bytes = Number(settings?.get('max.message.bytes'));
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** @throws KafkaConfigError `INVALID_TOPIC` for a name that Kafka does not allow */
export function assertTopicName(topic: string): void {
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic) || topic === '.' || topic === '..') {
    throw new KafkaConfigError(
      'INVALID_TOPIC',
      `topic '${topic}' must have 1 to 249 characters of A-Z, a-z, 0-9, '.', '_' and '-', and not be '.' or '..'`,
    );
  }
}
