/*
 * What the server tells the page, as JSON. Types only: they are all that both sides share.
 */

/** The two topics that are shown. */
export type TopicName = 'images' | 'dead-letters';

/** A record of a picture, or of the first chunk of one. */
export interface Item {
  readonly topic: TopicName;
  readonly partition: number;
  readonly offset: string;
  /** Of the record, in milliseconds since 1970. */
  readonly timestamp: number;
  readonly recordBytes: number;
  readonly format?: string;
  readonly id?: string;
  readonly customerId?: string;
  readonly createdAt?: string;
  readonly source?: string;
  readonly filename?: string;
  readonly type?: string;
  readonly width?: number;
  readonly height?: number;
  readonly frames?: number;
  readonly imageBytes?: number;
  readonly compression?: string;
  /** How many records carry it, and how many of them have been seen. */
  readonly chunks?: { readonly have: number; readonly count: number };
  /** Why there is no picture. */
  readonly problem?: string;
  /** Why and from where it was put aside. */
  readonly deadLetter?: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: string;
    /** Of the record that was put aside, in milliseconds since 1970. */
    readonly timestamp: number;
    readonly errorClass: string;
    readonly message: string;
  };
}

/** Once, at the beginning. */
export interface Hello {
  readonly topic: string;
  readonly deadLetterTopic: string;
  readonly group: string;
  /** How many items a page keeps of each topic. */
  readonly maxItems: number;
}

/** Every second. */
export interface Stats {
  readonly imagesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Records that the group has not committed; null where it has committed nothing, or is not known. */
  readonly lag: number | null;
  /** Records that were passed over, because they came faster than they can be shown. */
  readonly passedOver: number;
  /** What keeps new pictures from being shown; null where nothing does. */
  readonly problem: string | null;
}

/** The server-sent events. */
export interface Events {
  readonly hello: Hello;
  /** What is new, and what more is known. */
  readonly items: readonly Item[];
  /** The stats of the last minute, for a page that has just been opened. */
  readonly past: readonly Stats[];
  readonly stats: Stats;
}

/** Everything about one record. */
export interface Details {
  readonly item: Item;
  readonly key: string | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Where the consumer's file is. */
  readonly file: { readonly path: string; readonly bytes: number } | null;
}

/** A part of a topic, oldest first. */
export interface Part {
  readonly items: readonly Item[];
  /** Where the part that follows begins, by partition. */
  readonly next: Readonly<Record<string, string>>;
}
