import { LocalKafkaError } from './local-kafka-error.ts';
import { STATE_DIRECTORY } from './package-files.ts';
import { down, status, up } from './service.ts';

const SERVICE = { port: 29_092, stateDirectory: STATE_DIRECTORY };
const USAGE = 'Usage: pnpm kafka:up, pnpm kafka:down [--volumes] or pnpm kafka:status';

process.exitCode = await run(process.argv.slice(2).join(' '));

async function run(command: string): Promise<number> {
  try {
    return await execute(command);
  } catch (error) {
    // What a LocalKafkaError says is all that helps; anything else is a defect, to be shown with its stack.
    console.error(error instanceof LocalKafkaError ? error.message : error);
    return 1;
  }
}

async function execute(command: string): Promise<number> {
  switch (command) {
    case 'up':
      console.log(await up(SERVICE, console.log));
      return 0;
    case 'down':
    case 'down --volumes':
      console.log(await down(SERVICE, command.endsWith('--volumes')));
      return 0;
    case 'status': {
      const { running, message } = await status(SERVICE);
      console.log(message);
      return running ? 0 : 1;
    }
    default:
      console.error(USAGE);
      return 2;
  }
}
