export { listen, ListenError } from './listen.ts';
export { assertHealthOptions, healthOptions, serveHealth } from './serve-health.ts';
export type { HealthOptions, HealthServer } from './serve-health.ts';
export { createStall } from './stall.ts';
export type { Stall } from './stall.ts';
