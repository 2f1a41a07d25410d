import { setTimeout as sleep } from 'node:timers/promises';
import { openProbe, unlessAborted } from '@image-stream/kafka-client';
import {
  clientConfig,
  connectAdmin,
  KafkaConfigError,
  loadSettings,
  translate,
} from '@image-stream/kafka-config';
import type { Probe } from '@image-stream/kafka-client';
import type { KafkaProperties, PropertySources } from '@image-stream/kafka-config';
import { counted, StoppedError } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import kafkajs from 'kafkajs';
import type { Admin, Kafka } from 'kafkajs';
import { ok, problem, warning } from '@image-stream/program';
import type { Finding } from '@image-stream/program';

/** A cluster that answers, and what asks it. */
export interface Reached {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly probe: Probe;
  readonly properties: KafkaProperties;
}

/** Something to ask a cluster, under a name for its findings. */
export interface Check {
  readonly name: string;
  run(reached: Reached): Promise<readonly Finding[]>;
}

/** How long all questions together may take. With the eight seconds of a first connection, all ends within fifteen. */
const answerTimeoutMs = 6000;

/** What each request to Kafka takes at most, unless the user says otherwise. */
const requestTimeoutMs = 3000;

/**
 * Asks a cluster, all at once. Where it cannot be reached, or the configuration is wrong, that is all that is found.
 *
 * @throws StoppedError as soon as `signal` is aborted: what was not asked cannot be called well
 */
export async function checkKafka(
  sources: PropertySources,
  checks: readonly Check[],
  logger: Logger,
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings = signal.aborted ? undefined : await unlessAborted(signal, askAll(sources, checks, logger));
  if (findings === undefined) {
    throw new StoppedError('stopped before everything was checked');
  }
  return findings;
}

async function askAll(
  sources: PropertySources,
  checks: readonly Check[],
  logger: Logger,
): Promise<Finding[]> {
  let loaded;
  try {
    loaded = await load(sources, logger);
  } catch (error) {
    return [problemOf('settings', error)];
  }
  const { kafka, properties } = loaded;
  const servers = properties['bootstrap.servers']!;
  const security = checkSecurity(properties);
  const admin = kafka.admin();
  const started = performance.now();
  let probe;
  try {
    await connectAdmin(admin, servers);
    probe = await openProbe(kafka);
  } catch (error) {
    return [security, { ...problemOf('broker', translate(error, servers)), advice: afterwards }];
  }
  const milliseconds = Math.round(performance.now() - started);
  try {
    const reached = { kafka, admin, probe, properties };
    const answers = await Promise.all(
      [clusterCheck(milliseconds), ...checks].map((check) => answer(check, reached)),
    );
    return [security, ...answers.flat()];
  } finally {
    // Not waited for: what does not answer now does not answer this either, and the program ends soon.
    Promise.all([probe.close(), admin.disconnect()]).catch(() => {});
  }
}

async function load(
  sources: PropertySources,
  logger: Logger,
): Promise<{ kafka: Kafka; properties: KafkaProperties }> {
  const { properties, given } = await loadSettings(sources, logger);
  const config = await clientConfig(properties, logger);
  const isChosen = given.has('request.timeout.ms');
  const kafka = new kafkajs.Kafka({ ...config, ...(!isChosen && { requestTimeout: requestTimeoutMs }) });
  return { kafka, properties };
}

const afterwards = 'fix this first; topic, permissions and group can only be checked after that';

async function answer(check: Check, reached: Reached): Promise<readonly Finding[]> {
  const timeout = sleep(answerTimeoutMs, undefined, { ref: false }).then(() => [
    problem(
      check.name,
      `no answer within ${answerTimeoutMs / 1000} s`,
      'look at the load and the log of the brokers, and try again',
    ),
  ]);
  try {
    return await Promise.race([check.run(reached), timeout]);
  } catch (error) {
    return [problemOf(check.name, translate(error, reached.properties['bootstrap.servers']!))];
  }
}

/** @throws what is no error of the configuration or of Kafka */
function problemOf(check: string, error: unknown): Finding {
  if (!(error instanceof KafkaConfigError)) {
    throw error;
  }
  return problem(check, error.message);
}

function checkSecurity(properties: KafkaProperties): Finding {
  const protocol = properties['security.protocol'] ?? 'PLAINTEXT';
  const mechanism = properties['sasl.mechanism'];
  const seen = mechanism === undefined ? protocol : `${protocol}, ${mechanism}`;
  const isEncrypted = protocol.endsWith('SSL');
  const isLocal = properties['bootstrap.servers']!.every((server) => /^(localhost|127\.)/.test(server));
  if (properties['ssl.endpoint.identification.algorithm'] === '') {
    return warning(
      'security',
      `${seen}, without a check of the broker's host name`,
      'leave ssl.endpoint.identification.algorithm out, else anybody with a certificate of the same CA can pose as the broker',
    );
  }
  return isEncrypted || isLocal
    ? ok('security', isEncrypted ? seen : `${seen}, on this machine only`)
    : warning(
        'security',
        `${seen}: images${mechanism === undefined ? '' : ' and the login'} travel unencrypted`,
        'set security.protocol to SSL or SASL_SSL; SECURITY.md says what belongs to it',
      );
}

/** Kafka's number of the request. */
const fetchRequest = 1;

/** Since then, a broker refuses the first versions of this request (KIP-896). */
const firstFetchOfKafka4 = 4;

function clusterCheck(milliseconds: number): Check {
  return {
    name: 'cluster',
    async run({ admin, probe }) {
      const { brokers, clusterId } = await admin.describeCluster();
      const versions = probe.apiVersions[fetchRequest];
      const release =
        versions === undefined || versions.minVersion < firstFetchOfKafka4
          ? 'older than Kafka 4, or not Apache Kafka'
          : 'Kafka 4 or later';
      return [
        ok('broker', `${probe.address} answered in ${milliseconds} ms; ${release}`),
        ok('cluster', `${clusterId}, ${counted(brokers.length, 'broker')}`),
      ];
    },
  };
}
