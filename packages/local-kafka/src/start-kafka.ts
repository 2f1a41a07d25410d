import { startCluster } from './cluster.ts';
import type { KafkaCluster } from './cluster.ts';
import { findInstallation } from './installation.ts';
import { LocalKafkaError } from './local-kafka-error.ts';
import { checkOptions } from './options.ts';
import type { KafkaOptions } from './options.ts';
import { oldestKafka } from './product.ts';
import { withStartCache } from './start-cache.ts';

const PORT_ATTEMPTS = 5;

/**
 * Starts a real Apache Kafka on this machine and resolves once topics can be created on all of its brokers.
 *
 * It listens on 127.0.0.1 only and keeps its data in a temporary directory. `stop()` ends it and removes that
 * directory; the same happens when this process ends in any way, even by SIGKILL. The first start on a machine
 * downloads Kafka with Maven.
 *
 * @throws {LocalKafkaError} with the `code` that says why Kafka could not start
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  checkOptions(options);
  const installation =
    options.version === undefined
      ? await withStartCache(await findInstallation(options.report), options.report)
      : await findInstallation(options.report, oldestKafka);
  for (let attempt = 1; ; attempt++) {
    try {
      return await startCluster(installation, options);
    } catch (error) {
      // A free port can be taken between the moment it was found and the moment the broker binds it.
      if (!isPortInUse(error) || attempt === PORT_ATTEMPTS) {
        throw error;
      }
    }
  }
}

function isPortInUse(error: unknown): boolean {
  return error instanceof LocalKafkaError && error.code === 'PORT_IN_USE';
}
