import { createServer, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { socket } from './scene.ts';

/** A socket that passes every question on to the engine, and remembers it. */
export interface Recorder extends AsyncDisposable {
  readonly path: string;
  /** `POST /containers/NAME/start`, each once, sorted; versions, ids, names and queries left out. */
  calls(): readonly string[];
}

export async function record(directory: string): Promise<Recorder> {
  const path = join(directory, 'recorded.sock');
  const seen = new Set<string>();
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    seen.add(callOf(method, url));
    const passed = httpRequest({ socketPath: socket, method, headers, path: url, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    passed.on('error', () => response.destroy());
    response.once('close', () => passed.destroy());
    // In one piece: the engine may answer, and close, before the last of it was passed on.
    request.toArray().then(
      (body: Buffer[]) => passed.end(Buffer.concat(body)),
      () => passed.destroy(),
    );
  });
  await new Promise<void>((done) => server.listen(path, done));
  return {
    path,
    calls: () => [...seen].sort(),
    [Symbol.asyncDispose]() {
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
}

/** One call, as a list of what is allowed would have it. */
export function callOf(method: string, url: string): string {
  const path = url
    .replace(/\?.*$/, '')
    .replace(/^\/v1\.\d+\//, '/')
    .replace(/^\/(containers|networks)\/(?!json$|create$)[^/]+/, '/$1/NAME')
    .replace(/^\/exec\/[0-9a-f]+/, '/exec/ID');
  return `${method} ${path}`;
}
