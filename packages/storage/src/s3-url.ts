import { directory, nonEmpty, UsageError } from '@image-stream/program';
import type { OptionDefinitions } from '@image-stream/program';

/** A bucket, and what all keys in it begin with: empty, or with a slash at its end. */
export interface S3Place {
  readonly bucket: string;
  readonly prefix: string;
}

/** Keys may have 1024 bytes, and those of images take up to 600. */
const maxPrefixBytes = 400;

/** Whether a location is in an object store. */
export function isS3Url(text: string): boolean {
  return /^s3:\/\//i.test(text);
}

/** A location as a user means it: of a directory, its path made absolute by `path`. */
export function locationOf(text: string, path: (path: string) => string): string {
  return isS3Url(text) ? text : path(text);
}

/** The parts of `s3://bucket/prefix`; what is wrong with it where it is none. */
export function parseS3Url(text: string): S3Place | string {
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)\/*(.*)$/is.exec(text) ?? [];
  if (!/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket)) {
    return `the name of a bucket has 3 to 63 letters, digits, '.', '_' and '-', not '${bucket}'`;
  }
  const segments = path.replace(/\/+$/, '').split('/');
  if (path !== '' && segments.some((segment) => ['', '.', '..'].includes(segment))) {
    return "its prefix must have no empty part, nor '.' or '..'";
  }
  // eslint-disable-next-line no-control-regex -- they are what is refused
  if (/[?#\\\u0000-\u001f\u007f]/.test(path)) {
    return "its prefix must not hold '?', '#', '\\' or control characters";
  }
  const prefix = path === '' ? '' : `${segments.join('/')}/`;
  if (Buffer.byteLength(prefix) > maxPrefixBytes) {
    return `its prefix must not have more than ${maxPrefixBytes} bytes`;
  }
  return { bucket, prefix };
}

/** The option value of a place for images: the path of a directory, or `s3://bucket/prefix`. */
export function outputLocation(option: string) {
  const asDirectory = directory(option);
  return (text: string): string => {
    if (isS3Url(text)) {
      const parsed = parseS3Url(text);
      if (typeof parsed === 'string') {
        throw new UsageError(`${option} must be a directory or s3://bucket/prefix, not '${text}': ${parsed}`);
      }
      return text;
    }
    if (/^[a-z][a-z\d+.-]*:\/\//i.test(text)) {
      throw new UsageError(
        `${option} must be the path of a directory or s3://bucket/prefix, not the URL '${text}'`,
      );
    }
    return asDirectory(text);
  };
}

/** The option value of the URL of an object store. A login in it would be seen by everybody who sees the command line. */
function endpointUrl(option: string) {
  return (text: string): string => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
      throw new UsageError(`${option} must be a URL such as http://localhost:29000, not '${text}'`);
    }
    if (url.username !== '' || url.password !== '') {
      throw new UsageError(
        `${option} must not hold a login; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE`,
      );
    }
    if (url.search !== '' || url.hash !== '') {
      throw new UsageError(`${option} must end with its path, without '${url.search}${url.hash}'`);
    }
    return text.replace(/\/+$/, '');
  };
}

/** What says where the object store of an `s3:` location is. The login comes from where all clients of S3 have it. */
export const s3Options = {
  's3-endpoint': {
    type: 'string',
    coerce: endpointUrl('--s3-endpoint'),
    describe: 'URL of an object store other than Amazon S3; or AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL',
    group: 'Files:',
  },
  's3-region': {
    type: 'string',
    coerce: nonEmpty('--s3-region'),
    describe: 'Region of the bucket; or AWS_REGION, or from the AWS profile',
    group: 'Files:',
  },
} as const satisfies OptionDefinitions;

/** Where an object store is, as it was given; the environment and the profile say the rest. */
export interface S3Settings {
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
}

/** The settings that `s3Options` have. */
export function s3Settings(values: {
  readonly 's3-endpoint': string | undefined;
  readonly 's3-region': string | undefined;
}): S3Settings {
  return { endpoint: values['s3-endpoint'], region: values['s3-region'] };
}

/** The URL that counts: the option's, else that of the environment; undefined for Amazon S3. @throws UsageError */
export function endpointOf({ endpoint }: S3Settings, environment = process.env): string | undefined {
  if (endpoint !== undefined) {
    return endpoint;
  }
  for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']) {
    const url = environment[name];
    if (url !== undefined && url !== '') {
      return endpointUrl(name)(url);
    }
  }
  return undefined;
}
