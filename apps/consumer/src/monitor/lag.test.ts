import type { Lag } from '@image-stream/kafka-client';
import { expect, test } from 'vitest';
import { followLag } from './lag.ts';

test('where the brokers do not answer, there are no figures, and the end is not held up', async () => {
  const ended = new AbortController();
  const told: Lag[] = [];
  const tell = (lag: Lag): void => {
    told.push(lag);
    ended.abort();
  };
  await followLag(() => Promise.reject(new Error('no broker')), tell, ended.signal);
  expect(told).toEqual([new Map()]);
});
