const now: {
  /** How many operations run side by side. */
  running: number;
  /** Called when none does any more. */
  onIdle?: (() => void) | undefined;
  /** What runs alone, or waits for the others to end. */
  single?: Promise<unknown> | undefined;
} = { running: 0 };

/** Runs an operation as soon as none runs alone. */
export async function besideOthers<T>(operation: () => Promise<T>): Promise<T> {
  while (now.single !== undefined) {
    await now.single;
  }
  now.running += 1;
  try {
    return await operation();
  } finally {
    now.running -= 1;
    if (now.running === 0) {
      now.onIdle?.();
    }
  }
}

/** Runs an operation while no other of this process does. */
export async function alone<T>(operation: () => Promise<T>): Promise<T> {
  while (now.single !== undefined) {
    await now.single;
  }
  const result = afterOthers(operation);
  now.single = result.catch(() => {});
  try {
    return await result;
  } finally {
    now.single = undefined;
  }
}

async function afterOthers<T>(operation: () => Promise<T>): Promise<T> {
  if (now.running > 0) {
    await new Promise<void>((resolve) => {
      now.onIdle = resolve;
    });
    now.onIdle = undefined;
  }
  return operation();
}
