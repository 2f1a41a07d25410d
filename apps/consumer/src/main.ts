import { runProgram } from '@image-stream/program';
import { consumer } from './program.ts';

await runProgram(consumer);
