import { ImageIoError } from '@image-stream/image-io';
import { counted } from '@image-stream/program';
import { maxBytesInMemory } from '../load-file.ts';
import { badInput } from '../source.ts';
import type { Pending, SourceContext } from '../source.ts';
import { isHidden, isUnfinished } from '../walk.ts';
import { gunzipped, readAhead } from './bytes.ts';
import { createCompanions } from './companions.ts';
import type { Other, Refused } from './companions.ts';
import type { Held } from './held.ts';
import { blockBytes, isArchiveName, isEmptyBlock, isTarHeader } from './kind.ts';
import type { ArchiveKind } from './kind.ts';
import type { Archive, Found } from './member.ts';
import { sampleKey } from './sample-json.ts';
import { emptySample, loadImage, take } from './sample.ts';
import type { Sample } from './sample.ts';
import { tarMembers } from './tar.ts';
import { zipMembers } from './zip.ts';

/** Who was told that only images travel. */
const told = new WeakSet<SourceContext>();

/** Where names have a dot in the same place, as dates do, many members seem to be one sample; so many are waited for. */
const maxMembers = 64;

/**
 * The images in an archive, in its order; nothing is unpacked. Members of one sample, as WebDataset has it, are looked at together.
 *
 * @returns undefined where it is no archive, although it begins as one
 */
export async function archiveImages(
  archive: Archive,
  kind: ArchiveKind,
  context: SourceContext,
): Promise<AsyncGenerator<Pending> | undefined> {
  const { source, name } = archive;
  if (kind !== 'gzip') {
    const bytes = readAhead(source, context.signal);
    const members = kind === 'tar' ? tarMembers(bytes, source) : zipMembers(source, bytes);
    return imagesOf(members, archive, context);
  }
  const inflated = gunzipped(source, context.signal);
  const head = await inflated.read(0, blockBytes).catch(() => Buffer.alloc(0));
  if (isTarHeader(head) || (isArchiveName(name) && isEmptyBlock(head))) {
    const members = tarMembers(inflated);
    return imagesOf(members, archive, context, () => inflated.close());
  }
  await inflated.close();
  return undefined;
}

async function* imagesOf(
  members: AsyncIterable<Found>,
  archive: Archive,
  context: SourceContext,
  close = async (): Promise<void> => {},
): AsyncGenerator<Pending> {
  const { signal, warn } = context;
  const count = { looked: 0, links: 0, unfinished: 0 };
  const companions = createCompanions();
  let sample = emptySample('');
  let hasKnown = false;
  let isAfterGap = false;
  let isToldOfReencoded = false;
  try {
    for await (const found of members) {
      if (found.kind === 'link') {
        count.links += 1;
      } else if (found.kind === 'open end') {
        sample.isBesideGap = true;
      } else if (found.kind === 'damage') {
        count.looked += 1;
        sample.isBesideGap = true;
        isAfterGap = true;
        const error = new ImageIoError('INVALID_IMAGE', 'no member of the archive begins there');
        yield badInput({ path: `${archive.name}, bytes ${found.start} to ${found.end},`, error });
      } else if (isUnfinished(found.name)) {
        count.unfinished += 1;
      } else if (!isHiddenMember(found.name)) {
        count.looked += 1;
        const key = sampleKey(found.name);
        if (key !== sample.key || sample.members >= maxMembers) {
          yield* handOver(sample);
          sample = emptySample(key);
          sample.isBesideGap = isAfterGap;
          isAfterGap = false;
        }
        await take(sample, found, context);
      }
      if (signal.aborted) {
        return;
      }
    }
    yield* handOver(sample);
    yield* companions.refused().map(bad);
  } catch (error) {
    if (signal.aborted) {
      return;
    }
    sample.isBesideGap = true;
    yield* handOver(sample);
    yield* companions.refused().map(bad);
    const path = count.looked > 0 ? `the rest of ${archive.name}` : archive.name;
    count.looked += 1;
    yield badInput({ path, error: error as Error });
  } finally {
    await Promise.all(sample.images.map(({ dispose }) => dispose()));
    await close();
  }
  tell(archive.name, count, warn);

  function bad({ name, error }: Refused): Pending {
    return badInput({ path: `${archive.name}: ${name}`, error });
  }

  /** A sample of which all has come. */
  function* handOver({ key, images, others, refused, ...json }: Sample): Generator<Pending> {
    hasKnown ||= json.known !== undefined;
    if (hasKnown && json.known === undefined && json.isBesideGap) {
      // Each image of a shard has its json, and without it, this one would be sent as another one.
      json.unreadableJson ??= `${key}.json`;
    }
    const hasImage = images.length + refused.length > 0;
    const isOnly = images.length === 1;
    const beside = json.known === undefined ? others : others.filter(({ isJson }) => !isJson);
    if (hasImage && beside.length > 0) {
      tellOfCompanions(beside[0]!);
    }
    const ours = hasImage || json.known === undefined ? undefined : others.find(({ isJson }) => isJson);
    if (ours !== undefined) {
      const error = new ImageIoError('INVALID_IMAGE', 'the image that it describes is not next to it');
      refused.push({ name: ours.name, error });
    }
    const alone = companions.note(key, hasImage || ours !== undefined, others.splice(0));
    yield* [...refused.splice(0), ...alone].map(bad);
    for (let held = images.shift(); held !== undefined; held = images.shift()) {
      yield pendingOf(held, json, isOnly);
    }
  }

  function pendingOf(held: Held, json: Pick<Sample, 'known' | 'unreadableJson'>, isOnly: boolean): Pending {
    const { relativePath } = archive;
    const { name, size } = held.member;
    return {
      name: `${archive.name}: ${name}`,
      bytes: Math.min(size, maxBytesInMemory),
      load: () => loadImage(held, json, { ...context, relativePath, isOnly, reencoded }),
      dispose: held.dispose,
    };
  }

  function reencoded(name: string): void {
    if (!isToldOfReencoded) {
      isToldOfReencoded = true;
      warn(
        `${archive.name}: ${name}, and maybe others, does not have the SHA-256 in its json, as after --save-as; it is sent as the image that the json names`,
      );
    }
  }

  function tellOfCompanions({ name }: Other): void {
    if (!told.has(context)) {
      told.add(context);
      warn(`${archive.name}: ${name} and the like, beside images, are not sent: only images travel`);
    }
  }
}

/** What is left out, which is no failure. */
function tell(
  name: string,
  { looked, links, unfinished }: Readonly<Record<'looked' | 'links' | 'unfinished', number>>,
  warn: SourceContext['warn'],
): void {
  if (links > 0) {
    warn(
      `${name}: ${counted(links, 'link')} left out; what they point to is sent where it is in the archive`,
    );
  }
  if (unfinished > 0) {
    warn(`${name}: ${counted(unfinished, 'file')} skipped, named like unfinished files or backups`);
  }
  if (looked === 0) {
    warn(`${name}: no files to send`);
  }
}

/** As in folders; and what macOS adds to the archives that it makes. */
function isHiddenMember(name: string): boolean {
  return name
    .split('/')
    .some((part) => part === '__MACOSX' || (isHidden(part) && part !== '.' && part !== '..'));
}
