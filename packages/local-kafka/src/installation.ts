import { resolveClasspath } from './classpath.ts';
import { checkJavaVersion, javaProgram } from './java.ts';
import { kafka } from './product.ts';
import type { Product } from './product.ts';

/** What it takes to run the programs of a product. */
export interface Installation {
  readonly java: string;
  /** What Java says of its version and build. */
  readonly javaVersion: string;
  readonly classpath: string;
  /** Tells them how to log. */
  readonly logging: string;
  /** Its classes as they are in memory once they are loaded and checked: a class data sharing archive. */
  readonly classArchive?: string | undefined;
  /** What new storage begins with. */
  readonly bootstrapFile?: string | undefined;
}

/**
 * Finds Java and a product's jars, which Maven downloads the first time.
 *
 * @throws {LocalKafkaError} `NOT_INSTALLED`, `JAVA_TOO_OLD` or `DOWNLOAD_FAILED`
 */
export async function findInstallation(
  report: (message: string) => void = () => {},
  product: Product = kafka,
  cacheDirectory?: string,
): Promise<Installation> {
  const java = javaProgram('java');
  const javaVersion = await checkJavaVersion(java, product);
  const classpath = await resolveClasspath(report, cacheDirectory, product);
  return { java, javaVersion, classpath, logging: product.logging };
}
