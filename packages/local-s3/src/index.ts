export { startS3 } from './start-s3.ts';
export type { S3Options, S3Server } from './start-s3.ts';
export { refuse, startS3Proxy } from './proxy.ts';
export type { Fate, Passage } from './proxy.ts';
