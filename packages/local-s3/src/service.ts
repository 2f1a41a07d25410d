import { join } from 'node:path';
import { findInstallation, jvmStarter } from '@image-stream/local-kafka/java-server';
import type { BackgroundServer } from '@image-stream/local-kafka/java-server';
import { answers, s3proxy, startServer, STATE_DIRECTORY } from './server.ts';

/** For a server that only this machine reaches; README.md tells them to users. */
const login = { accessKeyId: 'image-stream', secretAccessKey: 'image-stream' };

/** The one server that outlives the command which started it, with a bucket `images`. */
export function backgroundS3(port: number, stateDirectory: string): BackgroundServer {
  const directory = join(stateDirectory, 'server-1');
  return {
    name: 'S3',
    command: (action) => `pnpm s3:${action}`,
    port,
    directory,
    async start(report, started) {
      const installation = await findInstallation(report, s3proxy, STATE_DIRECTORY);
      const settings = { port, directory, buckets: ['images'], ...login };
      return await startServer(jvmStarter(installation), settings, started);
    },
    answers: () => answers(port),
  };
}
