import { constants } from 'node:os';

/**
 * Who an error is about, and so what to do about it:
 *
 * - `record`: an image that will never be kept there; others will.
 * - `transient`: it goes away, by itself or when somebody makes room or gives a permission.
 * - `permanent`: nothing can be kept there until somebody changes what is configured.
 */
export type ErrorClass = 'record' | 'transient' | 'permanent';

/** The errors of a system by class. One that is in none of them is a bug. */
export const systemErrors: Readonly<Record<ErrorClass, readonly string[]>> = {
  record: ['EFBIG', 'ENAMETOOLONG', 'EOVERFLOW'],
  transient: [
    ...['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EROFS', 'EACCES', 'EPERM'],
    ...['EAGAIN', 'EBUSY', 'EDEADLK', 'EINTR', 'ENOLCK', 'ETXTBSY'],
    // Of network drives.
    ...['ESTALE', 'ETIMEDOUT', 'ECONNABORTED', 'ECONNREFUSED', 'ECONNRESET', 'EHOSTDOWN', 'EHOSTUNREACH'],
    ...['ENETDOWN', 'ENETRESET', 'ENETUNREACH', 'ENOLINK', 'ENOTCONN', 'EPIPE', 'EREMOTEIO', 'ESHUTDOWN'],
    ...['EKEYEXPIRED', 'ENOKEY'],
  ],
  permanent: [
    ...['EEXIST', 'EILSEQ', 'EINVAL', 'EISDIR', 'ELOOP', 'EMLINK', 'ENODEV', 'ENOENT', 'ENOSYS', 'ENOTDIR'],
    ...['ENOTEMPTY', 'ENOTSUP', 'EOPNOTSUPP', 'ENXIO', 'EUCLEAN', 'EXDEV'],
  ],
};

/** Linux has them, and Node.js no name for them. */
const namesOnLinux: Readonly<Record<string, number>> =
  process.platform === 'linux'
    ? { EHOSTDOWN: 112, EKEYEXPIRED: 127, ENOKEY: 126, EREMOTEIO: 121, ESHUTDOWN: 108, EUCLEAN: 117 }
    : {};

const names = new Map(
  Object.entries({ ...namesOnLinux, ...constants.errno }).map(([name, number]) => [number, name]),
);

/**
 * The name of a system's error; undefined for any other. By its number where Node.js has no name for it: what libuv does not know,
 * `EDQUOT` and `ESTALE` among them, it calls `Unknown system error -122`.
 */
export function systemErrorName(error: unknown): string | undefined {
  const { errno, code } = (error ?? {}) as NodeJS.ErrnoException;
  if (code !== undefined && /^E[A-Z0-9]+$/.test(code)) {
    return code;
  }
  return errno === undefined ? undefined : names.get(-errno);
}

/** The class of a system's error; undefined for any other error, and for one that only a bug can cause. */
export function classOfSystemError(error: unknown): ErrorClass | undefined {
  const name = systemErrorName(error);
  const classes = Object.entries(systemErrors) as [ErrorClass, readonly string[]][];
  return name === undefined ? undefined : classes.find(([, listed]) => listed.includes(name))?.[0];
}
