// A program from its parts.
export { outputOptions, runProgram, usesColor } from './program.ts';
export type { Command, Outcome, Program, RunContext } from './program.ts';
export { splitCommand } from './commands.ts';
export type { CommandLine, OptionDefinitions, OptionValues } from './command-line.ts';
export type { GivenValue, GivenValues } from './sources.ts';
export { StoppedError, UsageError } from './errors.ts';
export { didYouMean, meant } from './spelling.ts';

// What option values may be.
export {
  bytes,
  directory,
  duration,
  integer,
  integers,
  moment,
  nonEmpty,
  pixelSize,
  positiveNumber,
  timeZone,
} from './values.ts';

// What a run needs and gives.
export { counted, formatBytes, formatSeconds, oneLine } from './format.ts';
export { describePace, timing } from './timing.ts';
export { emptySummary } from './summary.ts';
export type { Summary } from './summary.ts';
export type { Logger } from './log.ts';
export { createOutageLog } from './outage.ts';
export type { OutageLog } from './outage.ts';
export { ok, problem, warning } from './finding.ts';
export type { Finding } from './finding.ts';
export type { Progress } from './progress.ts';
