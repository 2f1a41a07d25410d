import { basename } from 'node:path/posix';

/** What the consumer has written beside an image: who it is. */
export interface KnownImage {
  readonly id: string;
  readonly customer: string | undefined;
  readonly createdAt: Date;
  readonly filename: string | undefined;
  /** Of the bytes as they were received, in lower-case hex; those in the shard are others where it was re-encoded. */
  readonly sha256: string;
}

/** To which sample of a WebDataset a member belongs: its path up to the first dot of its name. */
export function sampleKey(name: string): string {
  const start = name.lastIndexOf('/') + 1;
  const dot = name.indexOf('.', start);
  return dot === -1 ? name : name.slice(0, dot);
}

/** Whether a member is the json of its sample. */
export function isSampleJson(name: string): boolean {
  return (
    basename(name)
      .slice(basename(sampleKey(name)).length)
      .toLowerCase() === '.json'
  );
}

/** What a json says of its image; undefined for one that others have written, whatever is in it. */
export function knownImage(json: Buffer): KnownImage | undefined {
  const { id, customer, createdAt, mediaType, sha256, headers } = membersOf(json);
  const isOurs =
    isIdentifier(id) &&
    isTime(createdAt) &&
    typeof mediaType === 'string' &&
    typeof sha256 === 'string' &&
    /^[\da-f]{64}$/.test(sha256);
  if (!isOurs) {
    return undefined;
  }
  const filename = (headers as Record<string, unknown> | null | undefined)?.['ce_filename'];
  return {
    id,
    customer: isIdentifier(customer) ? customer : undefined,
    createdAt: new Date(createdAt),
    filename: typeof filename === 'string' ? filename : undefined,
    sha256,
  };
}

function membersOf(json: Buffer): Record<string, unknown> {
  try {
    return (JSON.parse(json.toString()) as Record<string, unknown> | null) ?? {};
  } catch {
    return {};
  }
}

/** What every format can carry: other texts are no ids of ours. */
function isIdentifier(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !/\p{Surrogate}/u.test(value);
}

/** A moment in ISO 8601, in the years 1 to 9999. */
function isTime(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(value) &&
    new Date(value).getUTCFullYear() >= 1
  );
}
