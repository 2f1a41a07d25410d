import type { ReceivedRecord } from '@image-stream/codec';

/** A record, and the word that it is done: on disk, or in the dead-letter topic. */
export interface Delivery {
  readonly record: ReceivedRecord;
  /** What tells its topic from another one of the same name, where the brokers say it. */
  readonly topicId?: string | undefined;
  readonly done: () => void;
  /** False once the record may be another member's of the group. */
  readonly isCurrent: () => boolean;
}
