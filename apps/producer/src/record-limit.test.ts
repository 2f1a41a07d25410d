import { expect, test } from 'vitest';
import { learnLimit } from './record-limit.ts';

/** A limit whose topic answers these, the last one for ever. */
async function limitOf(maxRequestSize: number, ...answers: (number | Error | undefined)[]) {
  let asked = 0;
  const limit = await learnLimit('photos', maxRequestSize, async () => {
    const answer = answers[Math.min(asked, answers.length - 1)];
    asked += 1;
    if (answer instanceof Error) {
      throw answer;
    }
    return answer;
  });
  return { limit, asked: () => asked };
}

test.each([
  ['the topic allows less', 5000, 'max.message.bytes of topic photos', 10_000, 5000],
  ['the topic allows more', 10_000, '--max-request-size', 10_000, 50_000],
  ['the broker does not tell', 10_000, '--max-request-size', 10_000, undefined],
])('where %s, %i bytes count', async (_case, bytes, setting, maxRequestSize, answer) => {
  const { limit } = await limitOf(maxRequestSize, answer);
  expect([limit.bytes, limit.setting]).toEqual([bytes, setting]);
});

test('a limit that became lower is asked for again, once for all that are refused together', async () => {
  const { limit, asked } = await limitOf(10_000, 8000, 3000);
  expect(await Promise.all([1, 2, 3].map(() => limit.refused(8000)))).toEqual([true, true, true]);
  expect([limit.bytes, asked()]).toEqual([3000, 2]);
  // One that was made before, and comes later.
  expect(await limit.refused(8000)).toBe(true);
  expect(asked()).toBe(2);
});

test.each([undefined, new Error('not authorized'), 9000])(
  'where asking again gives %s, half of what was refused is tried, until nothing is left',
  async (answer) => {
    const { limit } = await limitOf(8000, undefined, answer);
    const tried: number[] = [];
    while (await limit.refused(limit.bytes)) {
      tried.push(limit.bytes);
    }
    expect(tried).toEqual([4000, 2000, 1000]);
    expect(limit.setting).toBe('max.message.bytes of topic photos');
  },
);
