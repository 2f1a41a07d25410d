import { startKafka } from '@image-stream/local-kafka';
import { startS3 } from '@image-stream/local-s3';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    bootstrapServers: string;
    /** Where the object store is, and the login there, as variables of the environment. */
    s3Environment: Record<string, string>;
  }
}

/** One broker and one object store for all files; each test has topics, groups and prefixes of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // A killed consumer is noticed within a second, where its session says so.
  const [kafka, s3] = await Promise.all([
    startKafka({ config: { 'group.min.session.timeout.ms': '1000' } }),
    startS3({ buckets: ['images'] }),
  ]);
  project.provide('bootstrapServers', kafka.bootstrapServers);
  project.provide('s3Environment', { ...s3.environment });
  return async () => {
    await Promise.all([kafka.stop(), s3.stop()]);
  };
}
