// What the library is built of; the program itself is in program.ts.
export { receiveImages } from './run.ts';
export type { Keeper, Receiving } from './run.ts';
export { NoTurnError } from './consume.ts';
export type { AssembledImage } from './chunks/chunked-image.ts';
export type { DeadLetters } from './dead-letters.ts';
export { silentMonitor } from './monitor/monitor.ts';
export { assertSelection } from './receive/select.ts';
export { roomOf } from './room.ts';
export { openAssembled } from './save.ts';
export type { Arrival } from './save.ts';
export { defaultDecodedAtOnce, defaultMaxInFlightBytes, sourcesOf } from './settings.ts';
