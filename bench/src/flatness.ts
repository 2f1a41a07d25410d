import { rmSync } from 'node:fs';
import type { Bench } from './bench.ts';
import { figures, measureQuietly, prepare } from './compare.ts';
import type { Figures } from './compare.ts';
import { imageStream } from './contenders.ts';

/** What an image takes among so many. */
export interface Flatness {
  readonly partitions: number;
  readonly images: number;
  readonly produce: Figures;
  readonly consume: Figures;
}

const corpus = 'photographs-jpeg';

/** Whether an image takes the same among many as among few: JPEG files of 0.5 MB. */
export async function measureFlatness(bench: Bench): Promise<Flatness[]> {
  const ours = imageStream('image-stream');
  const rows: Flatness[] = [];
  for (const partitions of [1, 16]) {
    const one = await prepare(bench, { corpus }, 1, partitions);
    const firstSent = await measureQuietly(ours.produce(one, bench.tools));
    const firstSaved = await measureQuietly(ours.consume(one, bench.tools));
    for (const images of [100, 1000, 5000].map((count) => count * bench.scale)) {
      bench.report(`flatness: ${images} images, ${partitions} partition(s)`);
      const all = await prepare(bench, { corpus }, images, partitions);
      const sent = await measureQuietly(ours.produce(all, bench.tools));
      const saved = await measureQuietly(ours.consume(all, bench.tools));
      rows.push({
        partitions,
        images,
        produce: figures(firstSent, sent, images),
        consume: figures(firstSaved, saved, images),
      });
      await bench.broker.deleteTopic(all.topic);
      rmSync(all.output, { recursive: true, force: true });
    }
    await bench.broker.deleteTopic(one.topic);
  }
  return rows;
}
