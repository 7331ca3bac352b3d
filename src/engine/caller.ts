import type { IncomingMessage } from 'node:http';
import { CleanupError, problem, reasonOf } from '../errors.ts';
import { answered } from './answered.ts';
import { type Fields, isFields } from './fields.ts';

/** One question to the engine. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Without the version, its parts escaped. */
  readonly path: string;
  /** Of the API; none: the path alone, as only `/version` may be asked. */
  readonly version?: string | undefined;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Fields;
  /** Until it must be answered: wholly, or for a stream its head. The caller's by default. */
  readonly seconds?: number;
  /** Statuses that are an answer although they are no success. */
  readonly fine?: readonly number[];
  /** Bytes of the answer after which nobody reads on. */
  readonly limit?: number;
}

export interface Answer {
  readonly call: Call;
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** At most `limit` bytes of it. */
  readonly body: Buffer;
}

export interface Opened {
  /** Throws what broke it: ENGINE_UNREACHABLE. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * Sends a call; resolves with the head of the answer, whatever its status. An aborted signal breaks the connection, also
 * after that.
 */
export type Dial = (call: Call, signal: AbortSignal) => Promise<IncomingMessage>;

/** Makes an ENGINE_UNREACHABLE of what was thrown. */
export type Explain = (call: Call, thrown: unknown) => CleanupError;

/** Asks the engine. Errors: ENGINE_UNREACHABLE, ENGINE_ANSWERED for any status that is neither 2xx nor `fine`. */
export interface Caller {
  ask(call: Call): Promise<Answer>;
  /** For answers without an end. Rejects with the reason of `signal` when that is aborted before the answer begins. */
  open(call: Call, signal?: AbortSignal): Promise<Opened>;
  /** True once `close` was called. */
  readonly closed: boolean;
  /** Breaks whatever is open. */
  close(): void;
}

/** A listing of some thousand containers. */
const defaultLimit = 64 * 1024 * 1024;
/** Of an error, enough to read it. */
const errorLimit = 64 * 1024;

/** `usualSeconds`: for calls that name no deadline. */
export function createCaller(dial: Dial, explain: Explain, usualSeconds: number): Caller {
  const open = new Set<AbortController>();
  let closed = false;

  /** Runs `work` against the clock. The controller it is handed ends the exchange, also later. */
  async function timed<T>(call: Call, work: (end: AbortController) => Promise<T>): Promise<T> {
    const seconds = call.seconds ?? usualSeconds;
    const end = new AbortController();
    const late = setTimeout(() => end.abort(new Error(`no answer within ${seconds} s`)), seconds * 1000);
    open.add(end);
    try {
      // Not left to the connection alone: one that is cut in some ways never tells.
      return await Promise.race([work(end), whenAborted(end.signal)]);
    } catch (thrown) {
      end.abort(thrown);
      throw thrown instanceof CleanupError ? thrown : explain(call, thrown);
    } finally {
      clearTimeout(late);
      open.delete(end);
    }
  }

  async function begin(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const response = await dial(call, signal);
    const status = response.statusCode ?? 0;
    if ((status >= 200 && status < 300) || call.fine?.includes(status)) return response;
    throw answered(call, status, await read(response, errorLimit));
  }

  async function ask(call: Call): Promise<Answer> {
    return timed(call, async (end) => {
      const response = await begin(call, end.signal);
      const body = await read(response, call.limit ?? defaultLimit);
      return { call, status: response.statusCode ?? 0, headers: response.headers, body };
    });
  }

  async function openStream(call: Call, signal?: AbortSignal): Promise<Opened> {
    signal?.throwIfAborted();
    const { response, end } = await timed(call, async (end) => {
      const abort = () => end.abort(signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      end.signal.addEventListener('abort', () => signal?.removeEventListener('abort', abort), { once: true });
      return { response: await begin(call, end.signal), end };
    }).catch((thrown: unknown) => {
      throw signal?.aborted ? signal.reason : thrown;
    });
    // From here on `timed` knows it no more.
    open.add(end);
    response.once('close', () => {
      open.delete(end);
      end.abort();
    });
    // Not every connection is a TCP socket. Where it is, this notices a host that is gone.
    response.socket.setKeepAlive?.(true, 15_000);
    return { bytes: told(call, response) };
  }

  async function* told(call: Call, response: IncomingMessage): AsyncGenerator<Uint8Array> {
    try {
      yield* response as AsyncIterable<Uint8Array>;
    } catch (thrown) {
      throw explain(call, thrown);
    }
  }

  return {
    ask,
    open: openStream,
    get closed() {
      return closed;
    },
    close() {
      closed = true;
      for (const end of open) end.abort(new Error('the connection was closed'));
    },
  };
}

/** The object in an answer. Errors: ENGINE_ANSWERED if it is none, or if `parse` throws. */
export function parsed<T>(answer: Answer, parse: (fields: Fields) => T): T {
  return parsedJson(answer, (value) => {
    if (!isFields(value)) throw new Error('it is no object');
    return parse(value);
  });
}

/** The list in an answer, as `parsed`. */
export function parsedList<T>(answer: Answer, parse: (fields: Fields) => T): readonly T[] {
  return parsedJson(answer, (value) => {
    if (!Array.isArray(value)) throw new Error('it is no list');
    return value.map((item: unknown) => {
      if (!isFields(item)) throw new Error('it lists something that is no object');
      return parse(item);
    });
  });
}

function parsedJson<T>(answer: Answer, parse: (value: unknown) => T): T {
  const { call, status, body } = answer;
  try {
    return parse(JSON.parse(body.toString()));
  } catch (thrown) {
    const { method, path } = call;
    const reason = `the answer is of no use (${reasonOf(thrown)})`;
    const hint = 'Check that DOCKER_HOST is the address of a Docker Engine, and what stands in front of it.';
    throw problem('ENGINE_ANSWERED', { method, path, status, reason, hint }, thrown);
  }
}

async function read(response: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= limit) break; // Leaving the loop destroys the answer, and with it the connection.
  }
  return Buffer.concat(chunks, Math.min(length, limit));
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
