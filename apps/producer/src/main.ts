import { runProgram } from '@image-stream/program';
import { producer } from './program.ts';

await runProgram(producer);
