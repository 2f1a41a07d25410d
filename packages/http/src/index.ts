export { listen, ListenError } from './listen.ts';
export { healthOptions, serveHealth } from './serve-health.ts';
export type { HealthOptions, HealthServer } from './serve-health.ts';
