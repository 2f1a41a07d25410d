import { setImmediate } from 'node:timers/promises';
import { bytesOf, isPixelArray } from '@image-stream/codec';
import type { Image } from '@image-stream/codec';
import { byteSource } from '@image-stream/codec';
import { inspectImage } from '@image-stream/image-io';
import { unlessAborted } from '@image-stream/kafka-client';
import { counted, formatBytes, oneLine } from '@image-stream/program';
import type { Logger, Outcome, Progress } from '@image-stream/program';
import type { Encoder } from './encode.ts';
import type { Pending } from './source.ts';

/** What would be sent of one image. */
interface DryRunImage {
  readonly id: string;
  /** Media type of what is read, `pixels` for a generated image, and after it, where it differs, of what would be sent. */
  readonly type: string;
  /** Pixels of what is read. */
  readonly width: number;
  readonly height: number;
  /** Bytes: as pixels where they are pixels, else of the file. */
  readonly payloadBytes: number;
  /** Bytes of the records' keys and values. */
  readonly wireBytes: number;
  readonly records: number;
}

/** What would be sent; with `--json`, the last line on standard output. */
interface DryRun {
  readonly dryRun: true;
  readonly images: number;
  /** Images that could not be sent, and why is on standard error. */
  readonly failed: number;
  readonly records: number;
  readonly payloadBytes: number;
  readonly wireBytes: number;
  /** Bytes that a record may take; a topic that takes less makes more records of large images. */
  readonly maxRequestSize: number;
  /** The first 100. */
  readonly listed: readonly DryRunImage[];
}

interface DryRunOptions {
  readonly images: AsyncIterable<Pending>;
  readonly encode: Encoder;
  readonly maxRequestSize: number;
  /** Writes a line for people. */
  readonly print: (line: string) => void;
  /** Ends it, also in the middle of an image. */
  readonly signal: AbortSignal;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly progress: Pick<Progress, 'start'>;
}

const maxListed = 100;

/** Reads and encodes every image as for sending, and tells what would be sent, in the order of the images. */
export async function dryRun({
  images,
  encode,
  maxRequestSize,
  print,
  signal,
  logger,
  progress,
}: DryRunOptions): Promise<Outcome> {
  const total = { images: 0, failed: 0, records: 0, payloadBytes: 0, wireBytes: 0 };
  const listed: DryRunImage[] = [];
  progress.start(() => `looked at ${counted(total.images + total.failed, 'image')}`, logger);

  for await (const { name, load, dispose } of images) {
    // Pixels that are made and only copied never leave the microtasks, in which no signal arrives.
    await setImmediate();
    try {
      const image = await unlessAborted(
        signal,
        load().then((loaded) => describe(loaded, encode)),
      );
      if (image === undefined) {
        break;
      }
      total.images += 1;
      total.records += image.records;
      total.payloadBytes += image.payloadBytes;
      total.wireBytes += image.wireBytes;
      if (listed.length < maxListed) {
        listed.push(image);
      }
      print(lineOf(image));
    } catch (error) {
      total.failed += 1;
      logger.error(oneLine(`${name} cannot be sent: ${(error as Error).message}`));
    } finally {
      await dispose?.();
    }
  }
  const summary: DryRun = { dryRun: true, ...total, maxRequestSize, listed };
  if (signal.aborted) {
    logger.warn('stopped before every image was checked; what follows covers those that were');
  }
  return { summary, text: describeDryRun(summary), isDone: total.failed === 0 && !signal.aborted };
}

async function describe(image: Image, encode: Encoder): Promise<DryRunImage> {
  const { type, width, height, bytes } = await contentOf(image);
  let records = 0;
  let wireBytes = 0;
  let sentAs = type;
  for await (const { key, value, headers } of encode(image)) {
    records += 1;
    wireBytes += Buffer.byteLength(key) + value.length;
    sentAs = headers['ce_payloadtype'] ?? headers['content-type'] ?? 'python-json';
  }
  return {
    id: image.id,
    type: sentAs === type ? type : `${type} -> ${sentAs}`,
    width,
    height,
    payloadBytes: bytes,
    wireBytes,
    records,
  };
}

async function contentOf({ content }: Image) {
  if (isPixelArray(content)) {
    const [height, width] = content.shape;
    return { type: 'pixels', width, height, bytes: bytesOf(content).length };
  }
  const source = 'source' in content ? content.source : byteSource(content.bytes);
  const { mediaType, width, height } = await inspectImage(source, {
    maxImagePixels: Number.MAX_SAFE_INTEGER,
  });
  return { type: mediaType, width, height, bytes: source.size };
}

function lineOf({ id, type, width, height, payloadBytes, wireBytes, records }: DryRunImage): string {
  return `${oneLine(id)}  ${type}  ${width} x ${height}  ${sizes(payloadBytes, wireBytes)}, ${counted(records, 'record')}`;
}

function sizes(payloadBytes: number, wireBytes: number): string {
  const ratio = payloadBytes === 0 ? 1 : wireBytes / payloadBytes;
  return `${formatBytes(payloadBytes)} -> ${formatBytes(wireBytes)} (ratio ${ratio.toFixed(2)})`;
}

function describeDryRun({
  images,
  failed,
  records,
  payloadBytes,
  wireBytes,
  maxRequestSize,
}: DryRun): string {
  const problems = failed === 0 ? '' : `, ${failed} CANNOT be sent`;
  return [
    `would send ${counted(images, 'image')}${problems}: ${sizes(payloadBytes, wireBytes)}, ${counted(records, 'record')}`,
    `That is with records of at most ${counted(maxRequestSize, 'byte')} (--max-request-size); where the topic takes less, large images make more. Nothing was sent.`,
  ].join('\n');
}
