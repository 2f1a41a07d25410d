/*
 * What the server tells the page, as JSON. Types only: they are all that both sides share.
 *
 * /events is one stream of lines, each an object with one member of `Events`. What is new comes in `items`, with its
 * thumbnail: the page asks for nothing to show it. A page that reads too slowly gets less, not later.
 */

/** The two topics that are shown. */
export type TopicName = 'images' | 'dead-letters';

/** An item that is pushed. */
export interface LiveItem extends Item {
  /** As a data URL; absent where the page is to ask for it when it comes into view. */
  readonly thumbnail?: string;
}

/** A record of a picture, or of the first chunk of one. */
export interface Item {
  readonly topic: TopicName;
  /** Tells it from one that was deleted, and had other records at the same places; absent before Kafka 2.8. */
  readonly topicId?: string;
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

/** Every second, whatever Kafka does. */
export interface Stats {
  readonly imagesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of `imagesPerSecond`, those that are shown; null where all are. */
  readonly shownPerSecond: number | null;
  /** Records that the group has not committed; null where it has committed nothing, or is not known. */
  readonly lag: number | null;
  /** What keeps new pictures from being shown; null where nothing does. */
  readonly problem: string | null;
  /** For how long Kafka has not answered; null where it does. */
  readonly silentSeconds: number | null;
}

/** What a line of the stream can hold. */
export interface Events {
  /** First of all. What was shown before is no longer kept up to date. */
  readonly hello: Hello;
  /** What is new, and what more is known. */
  readonly items: readonly LiveItem[];
  /** At the beginning, and before `items`: from where on nothing is left out of all that was sent, since the page came or before. */
  readonly whole: Readonly<Record<TopicName, Positions>>;
  /** The stats of the last minute, for a page that has just been opened. */
  readonly past: readonly Stats[];
  readonly stats: Stats;
}

/** An offset each, by partition: what is before it, and what is not. */
export type Positions = Readonly<Record<string, string>>;

/** Everything about one record. */
export interface Details {
  readonly item: Item;
  readonly key: string | null;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Where the consumer's file is. */
  readonly file: { readonly path: string; readonly bytes: number } | null;
}

/** A part of a topic between two places, newest first: of each partition, in the order of its offsets. */
export interface Part {
  readonly items: readonly Item[];
  /** Where it begins and ends: what is older lies before `older`, what is newer from `newer` on. */
  readonly older: Positions;
  readonly newer: Positions;
  /** Whether there is nothing more in the direction that was asked for. */
  readonly isEnd: boolean;
  /** How many records there were before the oldest one that the topic still has. */
  readonly removed: number;
  /** How many records were looked at. */
  readonly looked: number;
  /** The timestamp of the last one of them; null where there was none. */
  readonly lookedTo: number | null;
}
