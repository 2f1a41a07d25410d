import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { Login } from './login.ts';
import { Refusal } from './refusal.ts';

/** Who may ask, and under which address. */
export interface FrontOptions {
  /** Names that requests may have in their `Host`, besides addresses and `localhost`; `.example.com`: and all below it. */
  readonly hosts: readonly string[];
  /** Where the page is: begins and ends with a slash. */
  readonly basePath: string;
  /** Undefined where nobody has to log in. */
  readonly login: Login | undefined;
}

/** What a request asks for. */
export interface Asked {
  /** Below the base path: `/events`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/**
 * Lets requests in.
 *
 * Nothing that is answered names a host, a scheme or a path from the root, and there are no cookies. So a proxy has nothing to tell
 * about where it is: headers such as `X-Forwarded-Host` are not read, and cannot deceive.
 *
 * @returns what is asked for; undefined where the request has been answered, with the way to the page
 * @throws Refusal
 */
export function admit(
  request: IncomingMessage,
  response: ServerResponse,
  options: FrontOptions,
): Asked | undefined {
  const { hosts, basePath, login } = options;
  const { headers, method, url = '' } = request;
  if (!isOurs(headers.host, hosts)) {
    throw new Refusal(
      421,
      'this name is none of the gallery; open the address that it printed, or start it with --allowed-host',
    );
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    throw new Refusal(405, `${method} is not answered, only GET and HEAD`);
  }
  if (isFromAnotherPage(request)) {
    throw new Refusal(403, 'another page has asked for this; only those of the gallery may');
  }
  if (login !== undefined && !login.admits(headers.authorization)) {
    response.setHeader('www-authenticate', [
      'Basic realm="gallery", charset="UTF-8"',
      'Bearer realm="gallery"',
    ]);
    throw new Refusal(401, 'log in: as a user with a password, or with a token as Authorization: Bearer');
  }
  if (!url.startsWith('/')) {
    throw new Refusal(400, 'the address of a request is a path, such as /events');
  }
  const { pathname, search, searchParams } = new URL(`http://gallery${url}`);
  if (`${pathname}/` === basePath) {
    // From where the request was, since a proxy may have another path for it.
    response.writeHead(308, { location: `${basePath.split('/').at(-2)}/${search}` }).end();
    return undefined;
  }
  if (!pathname.startsWith(basePath)) {
    throw new Refusal(404, `there is no ${pathname}; the gallery is at ${basePath}`);
  }
  return { path: pathname.slice(basePath.length - 1), query: searchParams };
}

/**
 * Whether a request names this server. Another page could have its own name resolve to this address, and read what is
 * served here as its own; it cannot do so with an address, or with a name below `localhost`, which leads nowhere else.
 */
function isOurs(header: string | undefined, hosts: readonly string[]): boolean {
  const name = /^(\[[\da-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i
    .exec(header ?? '')?.[1]
    ?.replaceAll(/[[\]]/g, '')
    .toLowerCase();
  return (
    name !== undefined &&
    (isIP(name) !== 0 || ['.localhost', ...hosts].some((host) => isNamed(name, host.toLowerCase())))
  );
}

function isNamed(name: string, host: string): boolean {
  return host.startsWith('.') ? `.${name}`.endsWith(host) : name === host;
}

/**
 * Whether a browser says that another page, also of another port of this machine, asks. It could not read the answer, but have work
 * done for it as long as it is open, with the login of who looks at it. Links to the gallery work all the same.
 */
function isFromAnotherPage({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  const isLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  return site !== undefined && site !== 'same-origin' && site !== 'none' && !isLink;
}
