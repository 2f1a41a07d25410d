import { startKafka } from '@image-stream/local-kafka';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    bootstrapServers: string;
  }
}

/** One broker for all files; each test has topics and groups of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // A killed consumer is noticed within a second, where its session says so.
  const kafka = await startKafka({ config: { 'group.min.session.timeout.ms': '1000' } });
  project.provide('bootstrapServers', kafka.bootstrapServers);
  return () => kafka.stop();
}
