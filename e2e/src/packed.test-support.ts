import { readFileSync } from 'node:fs';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { expect } from 'vitest';

/** That publint finds nothing in a packed package, and that its types are found and are those of its code. */
export async function expectWellFormed(tarball: string): Promise<void> {
  const packed = readFileSync(tarball);
  const { messages } = await publint({ pack: { tarball: new Uint8Array(packed).buffer }, strict: true });
  expect(messages).toEqual([]);
  const analysis = await checkPackage(createPackageFromTarballData(packed));
  expect(analysis.types).toMatchObject({ kind: 'included' });
  // Node's `require` loads ES modules, and TypeScript before 4.7 did not know `exports`.
  const problems = 'problems' in analysis ? analysis.problems : [];
  const ours = problems.filter(
    (problem) =>
      problem.kind !== 'CJSResolvesToESM' &&
      !('resolutionKind' in problem && problem.resolutionKind === 'node10'),
  );
  expect(ours).toEqual([]);
}
