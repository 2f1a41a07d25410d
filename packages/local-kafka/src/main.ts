import { runCommand } from './background.ts';
import { STATE_DIRECTORY } from './package-files.ts';
import { backgroundBroker } from './service.ts';

const service = { port: 29_092, stateDirectory: STATE_DIRECTORY };

process.exitCode = await runCommand(backgroundBroker(service), process.argv.slice(2).join(' '));
