import { runCommand } from '@image-stream/local-kafka/java-server';
import { STATE_DIRECTORY } from './server.ts';
import { backgroundS3 } from './service.ts';

process.exitCode = await runCommand(backgroundS3(29_000, STATE_DIRECTORY), process.argv.slice(2).join(' '));
