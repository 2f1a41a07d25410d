/** Takes what would be logged: `console` is one, and so are the loggers of pino. */
export interface Logger {
  /** What helps to find a fault. */
  debug(details: object | string, message?: string): void;
  /** What happens. */
  info(details: object | string, message?: string): void;
  /** What may become a problem, or waits for better times. */
  warn(details: object | string, message?: string): void;
  /** What is thrown as well, and what keeps images from being received until somebody has put it right. */
  error(details: object | string, message?: string): void;
}

/** What `send` and `receive` have in common. */
export interface KafkaOptions {
  /** Default: `data-stream`. `send` creates it where it does not exist; `receive` waits for it. */
  readonly topic?: string | undefined;
  /**
   * Properties of Kafka's clients by their own names, such as `bootstrap.servers`, `security.protocol` or `acks`. Without
   * `bootstrap.servers`, those of the environment variable `KAFKA_BOOTSTRAP_SERVERS` are asked, else `localhost:29092`.
   */
  readonly properties?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** The path of a Java properties file with more of them; `properties` are stronger. */
  readonly propertiesFile?: string | undefined;
  /** Stops it: what has begun is finished, and then it ends as if there were no more images. */
  readonly signal?: AbortSignal | undefined;
  /** Default: nothing is logged. */
  readonly logger?: Logger | undefined;
  /** Bytes of images in memory at once; what is larger travels alone. Default: 128 MiB; of `send`, for files as they are 32 MiB. */
  readonly maxInFlightBytes?: number | undefined;
  /** Largest image, as transmitted, in bytes. Default: 4 GiB. */
  readonly maxImageBytes?: number | undefined;
  /** Most pixels of an image. Default: 268402689, or as many as its file has bytes. */
  readonly maxImagePixels?: number | undefined;
}
