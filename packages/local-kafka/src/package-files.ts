import { fileURLToPath } from 'node:url';

// These lie beside both src and dist, so the same relative path finds them from either.
export const POM_FILE = fileURLToPath(new URL('../pom.xml', import.meta.url));
export const OLDEST_POM_FILE = fileURLToPath(new URL('../pom-2.1.xml', import.meta.url));
export const LOG4J_FILE = fileURLToPath(new URL('../log4j2.properties', import.meta.url));
/** What outlives a process: the cached class path, and the data of the broker started from the command line. */
export const STATE_DIRECTORY = fileURLToPath(new URL('../.local-kafka', import.meta.url));
