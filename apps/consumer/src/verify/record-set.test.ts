import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRecordSet } from './record-set.ts';

const place = fc.record({
  partition: fc.nat(2),
  offset: fc.oneof(fc.bigInt(0n, 3000n), fc.bigInt(2n ** 63n - 2000n, 2n ** 63n - 1n)).map(String),
});

test('exactly what was added is there', () => {
  fc.assert(
    fc.property(fc.array(place), fc.array(place), (added, asked) => {
      const set = createRecordSet();
      const model = new Set<string>();
      for (const { partition, offset } of added) {
        set.add(partition, offset);
        model.add(`${partition} ${offset}`);
      }
      for (const { partition, offset } of [...added, ...asked]) {
        expect(set.has(partition, offset)).toBe(model.has(`${partition} ${offset}`));
      }
    }),
  );
});
