import { CodecError } from '@image-stream/codec';
import { ImageIoError } from '@image-stream/image-io';
import { KafkaConfigError, translate } from '@image-stream/kafka-config';
import { StoppedError } from '@image-stream/program';

/** A request that is not granted; the message is for who made it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** Of HTTP. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * An error as who made a request is told of it. What the client of Kafka says of its own state stays in the log: it is not for people
 * who look at pictures.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) {
    return error;
  }
  if (error instanceof StoppedError) {
    return new Refusal(503, 'the gallery is stopping');
  }
  // There is a record, but it cannot be shown.
  if (error instanceof CodecError || error instanceof ImageIoError) {
    return new Refusal(422, error.message);
  }
  const problem = kafkaProblem(error);
  return problem === undefined
    ? new Refusal(500, 'the gallery has failed; its log says why')
    : new Refusal(503, `${problem}; try again`);
}

/** What is wrong with Kafka, in a few words; undefined for another error. */
export function kafkaProblem(error: unknown): string | undefined {
  const translated = translate(error, [], '');
  if (!(translated instanceof KafkaConfigError)) {
    return undefined;
  }
  return translated.code === 'UNREACHABLE' ? unreachable : translated.message;
}

/** The log names the brokers, and says what to check. */
export const unreachable = 'Kafka cannot be reached';
