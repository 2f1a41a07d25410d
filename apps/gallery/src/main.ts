import { runProgram } from '@image-stream/program';
import { gallery } from './program.ts';

await runProgram(gallery);
