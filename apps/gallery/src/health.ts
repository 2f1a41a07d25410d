import { BrokerError } from '@image-stream/kafka-client';
import { reasonOf } from '@image-stream/kafka-config';
import { createOutageLog } from '@image-stream/program';
import type { Logger } from '@image-stream/program';
import { kafkaProblem, unreachable } from './refusal.ts';

/** What keeps a topic from being read: for the log, and for pages. */
export interface TopicHealth {
  asks(): void;
  answered(): void;
  failed(error: unknown): void;
  /** Kafka has answered that there is no such topic, or none any more. */
  absent(wasThere: boolean): void;
  /** For how long Kafka has been silent; undefined while it answers. */
  silentSeconds(): number | undefined;
  /** For people who look at pictures; undefined where there is none. */
  readonly problem: string | undefined;
}

/** An answer that is longer overdue is missed: brokers answer several times a second, also when there is nothing new. */
const silentMs = 3000;

/** @param options.mayBeAbsent whether it is no problem that there is no such topic, or none any more */
export function createTopicHealth(
  kafkaTopic: string,
  { logger, mayBeAbsent }: { readonly logger: Pick<Logger, 'info' | 'warn'>; readonly mayBeAbsent: boolean },
): TopicHealth {
  const outage = createOutageLog(logger, `records of ${kafkaTopic} come again`);
  /** Since when an answer is waited for. */
  let askedAt: number | undefined;
  let problem: string | undefined;
  /** That there is no such topic, as the log has it. */
  let told: string | undefined;

  function answered(): void {
    askedAt = undefined;
    problem = undefined;
    told = undefined;
    outage.over();
  }

  return {
    asks: () => void (askedAt ??= performance.now()),
    answered,
    failed(error) {
      if (mayBeAbsent && error instanceof BrokerError && error.type === 'UNKNOWN_TOPIC_OR_PARTITION') {
        answered();
        return;
      }
      const shown = kafkaProblem(error) ?? 'the log of the gallery says why';
      // A refusal is an answer too.
      askedAt = shown === unreachable ? askedAt : undefined;
      const text = `nothing new of ${kafkaTopic} can be read, and is tried again: `;
      outage.failed(`${text}${reasonOf(error)}`);
      problem = `${text}${shown}`;
    },
    absent(wasThere) {
      if (mayBeAbsent) {
        answered();
        return;
      }
      askedAt = undefined;
      problem = wasThere
        ? `topic ${kafkaTopic} was deleted; it is shown again once it is created anew`
        : `there is no topic ${kafkaTopic} yet; it is shown once it is created`;
      if (told !== problem) {
        logger.warn(problem);
      }
      told = problem;
    },
    silentSeconds() {
      const silence = performance.now() - (askedAt ?? Number.POSITIVE_INFINITY);
      return silence > silentMs ? Math.round(silence / 1000) : undefined;
    },
    get problem() {
      return problem;
    },
  };
}
