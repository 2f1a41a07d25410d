import { counted } from '@image-stream/program';
import type { Outcome } from '@image-stream/program';
import type { Finding } from '@image-stream/program';

/** What a doctor prints with `--json`. */
export interface Diagnosis {
  readonly problems: number;
  readonly warnings: number;
  readonly findings: readonly Finding[];
}

const marks = { ok: '✓', warning: '!', problem: '✗' } as const;

/** SGR codes: green, yellow, red. */
const colors = { ok: 32, warning: 33, problem: 31 } as const;

/** What was found, as the outcome of a program: a problem makes the exit code 1. */
export function diagnosis(findings: readonly Finding[], usesColor: boolean): Outcome {
  const count = (status: Finding['status']): number =>
    findings.filter((finding) => finding.status === status).length;
  const summary: Diagnosis = { problems: count('problem'), warnings: count('warning'), findings };
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, status, seen, advice }) => {
    const mark = usesColor ? `\u001B[${colors[status]}m${marks[status]}\u001B[39m` : marks[status];
    const indent = ' '.repeat(width + 4);
    return [
      `${mark} ${check.padEnd(width)}  ${seen}`,
      ...(advice === undefined ? [] : [`${indent}-> ${advice}`]),
    ];
  });
  return {
    summary,
    text: [...lines, verdict(summary)].join('\n'),
    isDone: summary.problems === 0,
  };
}

function verdict({ problems, warnings }: Diagnosis): string {
  if (problems + warnings === 0) {
    return 'all is well';
  }
  const counts = [
    ...(problems > 0 ? [counted(problems, 'problem')] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
  ];
  return counts.join(', ');
}
