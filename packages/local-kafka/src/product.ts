import { LOG4J_FILE, OLDEST_POM_FILE, POM_FILE } from './package-files.ts';

/** A server that runs in Java, whose jars Maven gets. */
export interface Product {
  readonly name: string;
  /** A POM that does nothing but name the jars. */
  readonly pomFile: string;
  /** What Maven downloads, such as `45 MB`. */
  readonly size: string;
  /** What tells it how to log, as an option of the JVM. */
  readonly logging: string;
  /** What else a user can do who has no Java, after "Install both"; empty where there is nothing. */
  readonly alternative: string;
}

export const kafka: Product = {
  name: 'Kafka',
  pomFile: POM_FILE,
  size: '45 MB',
  logging: `-Dlog4j2.configurationFile=${LOG4J_FILE}`,
  alternative: ', or run Kafka in Docker: "docker compose up -d"',
};

export const oldestKafka: Product = { ...kafka, pomFile: OLDEST_POM_FILE };
