import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';

/**
 * How many processors this process may use: in a container, no more than its limit. Node.js counts those of the machine: 20 does, and 24
 * does in control groups of version 1.
 */
export function processors(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(cpuLimit())));
}

/** What a process takes before it has any image. */
const baseBytes = 128 * 1024 ** 2;

/** How many times its own bytes an image may take: as received, as pixels, and encoded again. */
const copies = 4;

/** With less than that, nothing goes on at once. */
const leastBytes = 8 * 1024 ** 2;

/** How many bytes of images may be in work at once: `most`, or fewer where a container does not leave so much. */
export function bytesInWork(most: number): number {
  const limit = process.constrainedMemory();
  if (limit === 0 || limit >= totalmem()) {
    return most;
  }
  return Math.min(most, Math.max(leastBytes, Math.floor((limit - baseBytes) / copies)));
}

/** Processors that the control group of this process may use, in version 2 or 1: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu */
function cpuLimit(): number {
  const group = /^0::(\S*)$/m.exec(textOf('/proc/self/cgroup'))?.[1] ?? '';
  const groupV1 = /^\d+:[\w,]*\bcpu\b[\w,]*:(\S*)$/m.exec(textOf('/proc/self/cgroup'))?.[1] ?? '';
  // In a container, its own group is at the root, whatever the host calls it.
  const limits = [group, '', groupV1].flatMap((path) => [
    textOf(`/sys/fs/cgroup${path}/cpu.max`),
    `${textOf(`/sys/fs/cgroup/cpu${path}/cpu.cfs_quota_us`)} ${textOf(`/sys/fs/cgroup/cpu${path}/cpu.cfs_period_us`)}`,
  ]);
  const processorsOf = (limit: string): number => {
    const [quota = 0, period = 0] = limit.trim().split(/\s+/).map(Number);
    return quota > 0 && period > 0 ? quota / period : Number.POSITIVE_INFINITY;
  };
  return Math.min(...limits.map(processorsOf));
}

/** Empty where it cannot be read, as on other systems than Linux. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
