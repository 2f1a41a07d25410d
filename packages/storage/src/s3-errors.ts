import { systemErrorName } from './system-errors.ts';
import { StorageError } from './errors.ts';
import type { StorageErrorCode } from './errors.ts';

/** Which code each error of a store has here, by the store's own name for it. */
const codes: Readonly<Partial<Record<StorageErrorCode, readonly string[]>>> = {
  UNAVAILABLE: [
    ...['InternalError', 'ServiceUnavailable', 'SlowDown', 'ServerBusy', 'Busy', 'TemporarilyUnavailable'],
    ...['TooManyRequests', 'TooManyRequestsException', 'RequestLimitExceeded', 'Throttling'],
    ...['ThrottlingException', 'ThrottledException', 'RequestThrottled', 'RequestThrottledException'],
    ...['RequestTimeout', 'RequestTimeoutException', 'OperationAborted', 'ConditionalRequestConflict'],
    // What was sent has changed on the way.
    ...['BadDigest', 'IncompleteBody', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch'],
    // Somebody has aborted the upload; the client sets its clock by the store's when it hears of a difference.
    ...['NoSuchUpload', 'RequestTimeTooSkewed', 'RequestExpired'],
  ],
  NO_BUCKET: ['NoSuchBucket', 'InvalidBucketName'],
  BAD_CREDENTIALS: [
    ...['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken', 'ExpiredTokenException'],
    ...['InvalidToken', 'InvalidSecurity', 'TokenRefreshRequired', 'InvalidClientTokenId', 'NotSignedUp'],
    ...['UnrecognizedClientException', 'CredentialsProviderError', 'TokenProviderError'],
    ...['InvalidIdentityToken', 'IDPRejectedClaim'],
  ],
  WRONG_REGION: [
    ...['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'],
    'TemporaryRedirect',
  ],
  ACCESS_DENIED: [
    ...['AccessDenied', 'AllAccessDisabled', 'AccountProblem', 'InvalidObjectState', 'Forbidden'],
    'UnauthorizedAccess',
  ],
  TOO_LARGE: ['EntityTooLarge', 'KeyTooLongError', 'MetadataTooLarge'],
};

/** What an error of the client says of the answer. */
interface Answer {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly Region?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** What the client says that was given none, or no name. */
const noRegion = /^Region (is missing|not accepted)/;

/** What was asked, for messages. */
export interface Asked {
  /** The operation by the name that policies have, such as `PutObject`. */
  readonly operation: string;
  /** Of the object, as it is in the bucket. */
  readonly key?: string;
}

/** Where, for messages. */
export interface Where {
  readonly bucket: string;
  readonly location: string;
  readonly region: string;
}

/** The HTTP status of an answer; undefined where none came. */
export function statusOf(error: unknown): number | undefined {
  return (error as Answer | undefined)?.$metadata?.httpStatusCode;
}

/** Whether a connection was lost, perhaps one that the store had just closed for being idle. */
export function isLostConnection(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes((error as Answer).code ?? '');
}

/** Any error of the client as one of ours; what is none of the store's or the network's is a bug, and stays as it is. */
export function translateS3Error(error: unknown, asked: Asked, where: Where): unknown {
  if (error instanceof StorageError) {
    return error;
  }
  const code = codeOf(error as Answer);
  return code === undefined
    ? error
    : new StorageError(code, messageOf(code, error as Answer, asked, where), { cause: error });
}

function codeOf(error: Answer): StorageErrorCode | undefined {
  const { name = '', code = '', message = '' } = error;
  const named = Object.entries(codes).find(([, names]) => names.includes(name) || names.includes(code));
  if (named !== undefined) {
    return named[0] as StorageErrorCode;
  }
  const status = statusOf(error);
  if (noRegion.test(message) || status === 301 || status === 307) {
    return 'WRONG_REGION';
  }
  if (/CERT|^ERR_TLS|^EPROTO$|^ERR_SSL/.test(code)) {
    return 'REFUSED';
  }
  if (status === undefined || status < 300) {
    const isOfNetwork =
      systemErrorName(error) !== undefined ||
      ['TimeoutError', 'AbortError', 'ENOTFOUND', 'EAI_AGAIN', 'NetworkingError'].includes(name) ||
      ['EAI_AGAIN', 'ENOTFOUND', 'ERR_STREAM_PREMATURE_CLOSE', 'HPE_INVALID_CONSTANT'].includes(code) ||
      code.startsWith('HPE_');
    if (isOfNetwork) {
      return 'UNAVAILABLE';
    }
    return status === undefined ? undefined : 'REFUSED';
  }
  if (status === 403 || status === 401) {
    return 'ACCESS_DENIED';
  }
  // Not implemented is not implemented tomorrow.
  const goesAway = (status >= 500 && status !== 501) || [408, 409, 425, 429].includes(status);
  return goesAway ? 'UNAVAILABLE' : 'REFUSED';
}

function messageOf(
  code: StorageErrorCode,
  error: Answer,
  { operation, key }: Asked,
  { bucket, location, region }: Where,
): string {
  const { name = '', message = '' } = error;
  const status = statusOf(error);
  // The client calls what has no name in the answer so.
  const isNamed = !['', 'Error', 'Unknown', 'UnknownError', 'TypeError'].includes(name);
  const answer = isNamed ? name : status === undefined ? message : `HTTP ${status}`;
  /** As much as the answer says. */
  const details = isNamed ? `${name} (HTTP ${status}): ${message}` : `HTTP ${status}`;
  switch (code) {
    case 'UNAVAILABLE':
      return status === undefined
        ? `${location} cannot be reached: ${reasonOf(error)}`
        : `${location} answers ${operation} with ${details}`;
    case 'NO_BUCKET':
      return `there is no bucket '${bucket}' at ${location} (${answer}); create it, or name another one`;
    case 'BAD_CREDENTIALS':
      return credentialsMessage(name, message, location);
    case 'WRONG_REGION':
      return regionMessage(error, region, bucket, location);
    case 'ACCESS_DENIED':
      return (
        `${operation} of ${key === undefined ? `bucket '${bucket}'` : `'${key}'`} is denied at ${location} (${answer}); ` +
        'check the credentials and allow it: docs/object-storage.md has the policy'
      );
    case 'TOO_LARGE':
      return `${location} does not take '${key}': ${answer}: ${message}`;
    default:
      return /CERT|TLS|SSL/.test(error.code ?? '') || error.code === 'EPROTO'
        ? `no secure connection to ${location}: ${error.code}: ${message}; correct the endpoint, or trust its authority with NODE_EXTRA_CA_CERTS`
        : `${location} refuses ${operation}: ${answer}${status === undefined ? '' : ` (HTTP ${status})`}: ${message}; check the endpoint, the bucket, and whether the store supports that`;
  }
}

function reasonOf({ name, message = '', $metadata: _ignored }: Answer): string {
  return name === 'AbortError' ? 'no answer within the time limit' : message.replace(/^@smithy\S+ - /, '');
}

function credentialsMessage(name: string, message: string, location: string): string {
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    return `no credentials for ${location}: ${message}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run where a role gives them`;
  }
  return name.startsWith('ExpiredToken') || name === 'TokenRefreshRequired'
    ? `the credentials for ${location} have expired (${name}); log in again, or let a role give them`
    : `${location} refuses the credentials (${name}): check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile or role that gives them`;
}

function regionMessage(error: Answer, region: string, bucket: string, location: string): string {
  if (noRegion.test(error.message ?? '')) {
    return `the region of bucket '${bucket}' is not known${region === '' ? '' : `, and '${region}' is none`}: name it with --s3-region or AWS_REGION; for a store other than Amazon S3, name --s3-endpoint`;
  }
  const right =
    error.Region ??
    error.$response?.headers?.['x-amz-bucket-region'] ??
    /expecting '([a-z0-9-]+)'/.exec(error.message ?? '')?.[1];
  const advice = right === undefined ? 'name it with --s3-region' : `use --s3-region ${right}`;
  return `bucket '${bucket}' of ${location} is not in region ${region}; ${advice}`;
}
