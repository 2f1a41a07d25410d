import { ImageIoError } from '../errors.ts';
import { boxesBelow, boxesIn } from './boxes.ts';
import type { Box } from './boxes.ts';
import { Truncated } from './reader.ts';
import type { Reader, Structure } from './reader.ts';

/** Of a table of sizes, which may be long. */
const samplesAtOnce = 4096;

/** The tracks of a sequence that show something; others are sound, or transparency. Each has a frame a sample. */
export async function inspectTracks(reader: Reader, movie: Box): Promise<Structure[]> {
  const found: Structure[] = [];
  for (const track of await boxesBelow(reader, movie, 'trak')) {
    const [header] = await boxesBelow(reader, track, 'tkhd');
    const [handler] = await boxesBelow(reader, track, 'mdia', 'hdlr');
    const [tables] = await boxesBelow(reader, track, 'mdia', 'minf', 'stbl');
    if (header === undefined || handler === undefined || tables === undefined) {
      throw new ImageIoError('INVALID_IMAGE', 'AVIF file has a track without its header or tables');
    }
    const frames = await assertSamples(reader, tables);
    const kind = (await reader.at(handler.start + 8, 4)).toString('latin1');
    if (kind === 'pict' || kind === 'vide') {
      // Fixed point, 16 bits before the point.
      const size = await reader.at(header.end - 8, 8);
      found.push({ width: size.readUInt16BE(0), height: size.readUInt16BE(4), frames });
    }
  }
  return found;
}

/**
 * That the samples of a track lie within the file: they are in chunks, of which the places are known, and of runs of
 * which how many samples are in each. ISO/IEC 14496-12, 8.7
 *
 * @returns how many samples there are
 */
async function assertSamples(reader: Reader, tables: Box): Promise<number> {
  const boxes = await boxesIn(reader, tables.start, tables.end);
  const boxOf = (...types: string[]): Box => {
    const box = boxes.find(({ type }) => types.includes(type));
    if (box === undefined) {
      throw new ImageIoError('INVALID_IMAGE', `AVIF file has a track without ${types.join(' or ')}`);
    }
    return box;
  };
  const places = boxOf('stco', 'co64');
  const runs = boxOf('stsc');
  const sizes = boxOf('stsz');
  const sizesHeader = await reader.at(sizes.start, 12);
  const [sameSize, samples] = [sizesHeader.readUInt32BE(4), sizesHeader.readUInt32BE(8)];
  const placeBytes = places.type === 'co64' ? 8 : 4;
  const chunks = (await reader.at(places.start, 8)).readUInt32BE(4);
  const runCount = (await reader.at(runs.start, 8)).readUInt32BE(4);

  let [run, perChunk, nextRunAt, sample] = [0, 0, 1, 0];
  for (let chunk = 1; chunk <= chunks && sample < samples; chunk++) {
    while (chunk === nextRunAt) {
      perChunk = (await reader.at(runs.start + 8 + 12 * run, 12)).readUInt32BE(4);
      run += 1;
      nextRunAt = run < runCount ? (await reader.at(runs.start + 8 + 12 * run, 4)).readUInt32BE() : Infinity;
    }
    const place = await reader.at(places.start + 8 + placeBytes * (chunk - 1), placeBytes);
    let end = placeBytes === 8 ? Number(place.readBigUInt64BE()) : place.readUInt32BE();
    const last = Math.min(sample + perChunk, samples);
    if (sameSize > 0) {
      end += sameSize * (last - sample);
    } else {
      for (let first = sample; first < last; first += samplesAtOnce) {
        const length = Math.min(samplesAtOnce, last - first);
        const table = await reader.at(sizes.start + 12 + 4 * first, 4 * length);
        for (let at = 0; at < table.length; at += 4) {
          end += table.readUInt32BE(at);
        }
      }
    }
    sample = last;
    if (end > reader.size) {
      throw new Truncated();
    }
  }
  if (sample < samples) {
    throw new ImageIoError(
      'INVALID_IMAGE',
      `AVIF file says of ${sample} of ${samples} frames where they are`,
    );
  }
  return samples;
}
