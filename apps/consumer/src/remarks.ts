import { shortened } from '@image-stream/codec';
import type { Decoded, RecordPlace } from '@image-stream/codec';
import { oneLine } from '@image-stream/program';
import type { Logger } from '@image-stream/program';

/** A sender that is wrong once is wrong each time, and more of the same would bury everything else. */
const maxWarnings = 10;

/** Tells people what they should know about images that were read all the same, such as which date they got. */
export function createRemarks(
  logger: Pick<Logger, 'warn' | 'debug'>,
): (place: RecordPlace, decoded: Decoded) => void {
  let count = 0;
  return ({ topic, partition, offset }, decoded) => {
    const image =
      decoded.kind === 'image'
        ? decoded.image
        : decoded.kind === 'chunk' && decoded.chunk.index === 0
          ? decoded.chunk
          : undefined;
    if (image?.remark === undefined) {
      return;
    }
    count += 1;
    const id = oneLine(shortened(image.id, 100));
    logger[count > maxWarnings ? 'debug' : 'warn'](
      `image ${id} in ${topic}[${partition}]@${offset}: ${image.remark}` +
        (count === maxWarnings ? '; more such images are named with --log-level debug only' : ''),
    );
  };
}
