/** The bytes that a record may take, as far as is known. */
export interface RecordLimit {
  /** A batch of this one record must not be larger. */
  readonly bytes: number;
  /** Which setting says so. */
  readonly setting: string;
}

/** A limit that is learned: the broker may not tell it, and it may become a lower one at any time. */
export interface LearnedLimit extends RecordLimit {
  /**
   * Notes that the broker has refused a record.
   *
   * @param limitBytes the limit within which that was
   * @returns whether there is a lower limit now, within which it may be sent again
   */
  refused(limitBytes: number): Promise<boolean>;
}

/** Smaller than this, no topic is made for images. */
const smallestBytes = 1024;

/**
 * @param maxRequestSize what the user allows; Kafka's `max.request.size`
 * @param ask for the topic's `max.message.bytes`; undefined where the broker does not tell
 */
export async function learnLimit(
  topic: string,
  maxRequestSize: number,
  ask: () => Promise<number | undefined>,
): Promise<LearnedLimit> {
  const setting = `max.message.bytes of topic ${topic}`;
  let current: RecordLimit = { bytes: maxRequestSize, setting: '--max-request-size' };
  let learning: Promise<void> | undefined;

  const note = (bytes: number | undefined): void => {
    if (bytes !== undefined && bytes < current.bytes) {
      current = { bytes, setting };
    }
  };
  note(await ask());

  /** Asks again; where that tells nothing new, half of what was refused is tried. */
  async function learn(refusedBytes: number): Promise<void> {
    note(await ask().catch(() => undefined));
    if (current.bytes >= refusedBytes) {
      note(Math.floor(refusedBytes / 2));
    }
  }

  return {
    get bytes() {
      return current.bytes;
    },
    get setting() {
      return current.setting;
    },
    async refused(limitBytes) {
      // Of many images that are refused at once, one asks.
      if (current.bytes >= limitBytes && limitBytes > smallestBytes) {
        learning ??= learn(limitBytes).finally(() => (learning = undefined));
        await learning;
      }
      return current.bytes < limitBytes;
    },
  };
}
