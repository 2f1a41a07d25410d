// What was found, and what it comes to.
export { ok, problem, warning } from '@image-stream/program';
export type { Finding } from '@image-stream/program';
export { diagnosis } from './diagnosis.ts';
export type { Diagnosis } from './diagnosis.ts';

// What is looked at.
export { checkMachine } from './machine.ts';
export { checkKafka } from './kafka.ts';
export type { Check, Reached } from './kafka.ts';
export { checkTopic, topicExists } from './topic.ts';
export { checkPermission } from './permission.ts';
