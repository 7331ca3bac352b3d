import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { buffer } from 'node:stream/consumers';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Uint8Array;
}

export interface ScriptedServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or `https://…`. */
  readonly url: string;
  /** Every request so far, in order. */
  readonly seen: readonly Seen[];
}

export type Script = (request: Seen, response: ServerResponse) => void;

/** An HTTP server on loopback that answers as `script` says; a script that throws answers 500. */
export async function serve(script: Script, tls?: { key: string; cert: string }): Promise<ScriptedServer> {
  const seen: Seen[] = [];
  const listener = (incoming: IncomingMessage, response: ServerResponse) => {
    buffer(incoming).then(
      (body) => {
        const { method = '', url: path = '', headers } = incoming;
        const request = { method, path, authorization: headers.authorization, headers, body };
        seen.push(request);
        script(request, response);
      },
      () => response.destroy(),
    );
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An answer as distribution gives it. */
export function reply(
  response: ServerResponse,
  status: number,
  body: unknown = '',
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): void {
  response.statusCode = status;
  response.setHeader('docker-distribution-api-version', 'registry/2.0');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body));
}
