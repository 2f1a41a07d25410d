import type { IncomingMessage } from 'node:http';
import { integer, nonEmpty, UsageError } from '@image-stream/program';
import type { Logger, OptionDefinitions, OptionValues } from '@image-stream/program';
import { listen } from './listen.ts';

/** The options of a program that serves its health. */
export const healthOptions = {
  'metrics-port': {
    type: 'string',
    coerce: integer('--metrics-port', 0, 65_535),
    describe: 'Serve /healthz, /readyz and /metrics on this port; 0: any free port',
    defaultDescription: 'off',
    group: 'Output:',
  },
  'metrics-host': {
    type: 'string',
    coerce: nonEmpty('--metrics-host'),
    describe: 'Address for --metrics-port; 0.0.0.0: reachable from other machines',
    defaultDescription: '127.0.0.1',
    group: 'Output:',
  },
} as const satisfies OptionDefinitions;

/** @throws UsageError for a host without a port */
export function assertHealthOptions(values: Partial<OptionValues<typeof healthOptions>>): void {
  if (values['metrics-host'] !== undefined && values['metrics-port'] === undefined) {
    throw new UsageError('--metrics-host has no effect without --metrics-port, such as --metrics-port 9464');
  }
}

/** Where health is served, and what it is. */
export interface HealthOptions {
  /** An address of this machine, or a name of one. Default: 127.0.0.1 */
  readonly host: string | undefined;
  /** 0 takes any that is free. */
  readonly port: number;
  /** What keeps the program from its work, in plain words; undefined where nothing does. */
  readonly problem: () => string | undefined;
  /** The text for Prometheus, and its content type. */
  readonly metrics: { readonly contentType: string; read(): Promise<string> };
  readonly logger: Pick<Logger, 'debug' | 'info'>;
}

/** A server that answers until it is closed, and keeps no process alive. */
export interface HealthServer {
  /** Without a path, such as `http://127.0.0.1:9464`. */
  readonly url: string;
  /** Cuts off whoever is connected. */
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** A request is one short line and a few headers; who takes longer wants something else. In milliseconds. */
const limits = {
  headersTimeout: 2000,
  requestTimeout: 2000,
  keepAliveTimeout: 2000,
  connectionsCheckingInterval: 1000,
};

/**
 * Serves `/healthz`, `/readyz` and `/metrics`, for GET and HEAD.
 *
 * @throws ListenError when the port is taken or the address is none of this machine
 */
export async function serveHealth(options: HealthOptions): Promise<HealthServer> {
  const { host = '127.0.0.1', port, problem, metrics, logger } = options;
  const pages: Record<string, () => Answer | Promise<Answer>> = {
    // That it is answered at all is the news: the event loop turns.
    '/healthz': () => json(200, { status: 'ok' }),
    '/readyz': () => {
      const reason = problem();
      return reason === undefined
        ? json(200, { status: 'ready' })
        : json(503, { status: 'not ready', reason });
    },
    '/metrics': async () => ({
      status: 200,
      contentType: metrics.contentType,
      body: await metrics.read(),
    }),
  };

  // Loaded for those who ask for it.
  const { createServer } = await import('node:http');
  const server = createServer(limits, async (request, response) => {
    const { status, contentType, body } = await answer(request);
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
      ...(status === 405 && { allow: 'GET, HEAD' }),
    });
    response.end(body);
  });
  server.unref();
  const listening = await listen(server, {
    host,
    port,
    hostOption: '--metrics-host',
    portOption: '--metrics-port',
    onError: (error) => logger.debug({ error }, 'a request for health or metrics was not taken'),
  });

  logger.info(`serving /healthz, /readyz and /metrics on ${listening}`);

  return {
    url: listening,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };

  async function answer({ method = '', url = '' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') {
      return json(405, { error: `${method} is not answered, only GET and HEAD` });
    }
    const [path = ''] = url.split('?', 1);
    if (!Object.hasOwn(pages, path)) {
      return json(404, { error: `there is no ${path}, only ${Object.keys(pages).join(', ')}` });
    }
    try {
      return await pages[path]!();
    } catch (error) {
      return json(500, { error: String(error) });
    }
  }
}

function json(status: number, body: Record<string, string>): Answer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(body)}\n` };
}
