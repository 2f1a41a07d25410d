/** One thing that was looked at. */
export interface Finding {
  /** What was looked at, such as `broker` or `free space`. */
  readonly check: string;
  /** `warning`: it works, but not as it should; `problem`: it does not work. */
  readonly status: 'ok' | 'warning' | 'problem';
  readonly seen: string;
  /** What to do about it. */
  readonly advice?: string;
}

export function ok(check: string, seen: string): Finding {
  return { check, status: 'ok', seen };
}

export function warning(check: string, seen: string, advice: string): Finding {
  return { check, status: 'warning', seen, advice };
}

export function problem(check: string, seen: string, advice?: string): Finding {
  return { check, status: 'problem', seen, ...(advice !== undefined && { advice }) };
}
