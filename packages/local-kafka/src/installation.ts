import { resolveClasspath } from './classpath.ts';
import { checkJavaVersion, javaProgram } from './java.ts';

/** What it takes to run Kafka's programs. */
export interface Installation {
  readonly java: string;
  /** What Java says of its version and build. */
  readonly javaVersion: string;
  readonly classpath: string;
  /** Kafka's classes as they are in memory once they are loaded and checked: a class data sharing archive. */
  readonly classArchive?: string | undefined;
  /** What new storage begins with. */
  readonly bootstrapFile?: string | undefined;
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
  const javaVersion = await checkJavaVersion(java);
  return { java, javaVersion, classpath: await resolveClasspath(report, undefined, pomFile) };
}
