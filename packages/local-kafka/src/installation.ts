import { resolveClasspath } from './classpath.ts';
import { checkJavaVersion, javaProgram } from './java.ts';

/** What it takes to run Kafka's programs. */
export interface Installation {
  readonly java: string;
  readonly classpath: string;
}

/**
 * Finds Java and Kafka's jars, which Maven downloads the first time.
 *
 * @throws {LocalKafkaError} `NOT_INSTALLED`, `JAVA_TOO_OLD` or `DOWNLOAD_FAILED`
 */
export async function findInstallation(
  report: (message: string) => void = () => {},
  pomFile?: string,
): Promise<Installation> {
  const java = javaProgram('java');
  await checkJavaVersion(java);
  return { java, classpath: await resolveClasspath(report, undefined, pomFile) };
}
