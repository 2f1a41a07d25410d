import type { Admin, Kafka } from 'kafkajs';
import { clientConfig } from './client-config.ts';
import type { ClientLogger } from './client-config.ts';
import { connectAdmin } from './cluster.ts';
import { compressionCodecs } from './compression-codecs.ts';
import type { KafkaProperties } from './known-properties.ts';

/**
 * A client of a cluster that answers, with an admin that is connected, and all of Kafka's compressions.
 *
 * @param kafkajs the module, which is the program's own, so that this package loads without it
 * @throws KafkaConfigError as `clientConfig` and `connectAdmin`
 */
export async function openKafka(
  kafkajs: Pick<typeof import('kafkajs'), 'CompressionCodecs' | 'Kafka'>,
  properties: KafkaProperties,
  logger: ClientLogger,
): Promise<{ readonly kafka: Kafka; readonly admin: Admin }> {
  Object.assign(kafkajs.CompressionCodecs, compressionCodecs());
  const kafka = new kafkajs.Kafka(await clientConfig(properties, logger));
  const admin = kafka.admin();
  await connectAdmin(admin, properties['bootstrap.servers']!);
  return { kafka, admin };
}
