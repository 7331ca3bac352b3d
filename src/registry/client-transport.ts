import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { problem, reasonOf } from '../errors.ts';
import { shownUrl } from './client-url.ts';

export interface Tls {
  /** Path of a PEM file with certificate authorities to trust beside the usual ones. */
  readonly ca?: string;
  /** True: certificates are not checked. */
  readonly insecure?: boolean;
}

/** Requests to `origin` go to `host` and `port`, whatever its name resolves to. Names in headers and TLS stay. */
export interface Detour {
  readonly origin: string;
  readonly host: string;
  readonly port: number;
}

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Bytes of the answer to take. A longer one is cut off there, and `cut` is true. */
  readonly limit: number;
}

export interface Answer {
  /** What was asked, as it was sent. */
  readonly request: Request;
  readonly status: number;
  /** The first of that name; names in lower case. */
  header(name: string): string | undefined;
  /** All of that name. */
  headers(name: string): readonly string[];
  readonly body: Uint8Array;
  readonly cut: boolean;
}

/** One question, one answer, whatever its status. No redirects, no credentials: those are for others to decide. */
export interface Transport {
  /**
   * Errors: REGISTRY_UNREACHABLE when no whole answer came in time; the signal's own reason when it was aborted.
   * A GET or HEAD whose kept-alive connection turned out to be closed is asked once more.
   */
  send(request: Request): Promise<Answer>;
  close(): Promise<void>;
}

const headerLimit = 16 * 1024;
/** A body to send gives its exchange a second more per this many bytes. */
const bytesPerSecond = 256 * 1024;

/** Errors: CONFIG_INVALID if `tls.ca` cannot be read. */
export function createTransport(options: {
  readonly tls?: Tls;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly connections?: number;
  readonly detour?: Detour | undefined;
}): Transport {
  const { timeoutMs } = options;
  const agent = new Agent({
    connections: options.connections ?? 16,
    maxHeaderSize: headerLimit,
    // The deadline below is the only one: it also ends an answer that comes a byte at a time.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: connector({ timeout: timeoutMs, ...tlsOptions(options.tls) }, options.detour),
  });

  async function send(request: Request): Promise<Answer> {
    try {
      return await exchange(request);
    } catch (error) {
      if (!closedBeforeAnswer(request, error)) throw failure(request, error);
    }
    try {
      return await exchange(request);
    } catch (error) {
      throw failure(request, error);
    }
  }

  async function exchange(request: Request): Promise<Answer> {
    using deadline = startDeadline(timeoutMs, request.body?.length ?? 0, options.signal);
    const response = await agent.request({
      origin: request.url.origin,
      path: `${request.url.pathname}${request.url.search}`,
      method: request.method,
      headers: { 'user-agent': 'registry-cleanup', ...request.headers },
      body: request.body ?? null,
      signal: deadline.signal,
    });
    const { body, cut } = await readBody(response.body, request.limit);
    const all = (name: string): readonly string[] => [response.headers[name] ?? []].flat();
    return { request, status: response.statusCode, header: (name) => all(name)[0], headers: all, body, cut };
  }

  function failure(request: Request, error: unknown): unknown {
    if (options.signal?.aborted) return options.signal.reason;
    return problem(
      'REGISTRY_UNREACHABLE',
      { url: shownUrl(request.url), reason: networkReason(error) },
      error,
    );
  }

  return { send, close: () => agent.destroy() };
}

function connector(
  options: buildConnector.BuildOptions,
  detour: Detour | undefined,
): buildConnector.connector {
  const connect = buildConnector(options);
  if (detour === undefined) return connect;
  return (target, callback) => {
    const there = `${target.protocol}//${target.host ?? target.hostname}` === detour.origin;
    connect(there ? { ...target, hostname: detour.host, port: String(detour.port) } : target, callback);
  };
}

async function readBody(
  body: Dispatcher.ResponseData['body'],
  limit: number,
): Promise<{ body: Uint8Array; cut: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limit) break; // Leaving the loop destroys the body, and with it the connection.
  }
  const whole = Buffer.concat(chunks, length);
  return length > limit ? { body: whole.subarray(0, limit), cut: true } : { body: whole, cut: false };
}

/** Ends an exchange when its time is up or `signal` is aborted, and leaves nothing behind on either. */
function startDeadline(timeoutMs: number, bodyBytes: number, signal: AbortSignal | undefined) {
  const controller = new AbortController();
  const milliseconds = timeoutMs + (bodyBytes / bytesPerSecond) * 1000;
  const timer = setTimeout(() => {
    controller.abort(new Error(`no answer within ${(milliseconds / 1000).toFixed(1)} s`));
  }, milliseconds);
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    },
  };
}

function closedBeforeAnswer(request: Request, error: unknown): boolean {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  const idempotent = request.method === 'GET' || request.method === 'HEAD';
  return idempotent && (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE');
}

/** Node reports a host with several addresses as an error without a message that holds one per address. */
function networkReason(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return [...new Set(error.errors.map(reasonOf))].join(', ');
  }
  return reasonOf(error);
}

function tlsOptions(tls: Tls | undefined) {
  if (tls?.ca === undefined) return { rejectUnauthorized: tls?.insecure !== true };
  let own: string;
  try {
    own = readFileSync(tls.ca, 'utf8');
  } catch (error) {
    throw problem(
      'CONFIG_INVALID',
      {
        source: 'registry.tls.ca',
        problems: [`registry.tls.ca: ${tls.ca} cannot be read (${reasonOf(error)})`],
      },
      error,
    );
  }
  // `ca` replaces the authorities that Node trusts; a token service or object store may use one of those.
  return { rejectUnauthorized: tls.insecure !== true, ca: [...getCACertificates('default'), own] };
}
