import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine } from '../../../src/docker.ts';
import type { EngineAddress } from '../../../src/engine/address.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { CleanupError } from '../../../src/errors.ts';

export const version = { Version: '27.0.0', ApiVersion: '1.46', MinAPIVersion: '1.24' };

export function at(path: string): EngineAddress {
  return { kind: 'socket', shown: `unix://${path}`, path };
}

/** A directory with sockets on which something answers that is no engine. Disposing it ends them all. */
export interface FakeEngines extends AsyncDisposable {
  readonly directory: string;
  /** A socket on which `onConnection` does as it likes. */
  listen(onConnection: (socket: Socket) => void): Promise<string>;
  open(address: EngineAddress, seconds?: number): Engine;
  /** An engine that tells its version, and answers all else with `listener`. */
  answering(listener: RequestListener, seconds?: number): Promise<Engine>;
}

export function fakeEngines(): FakeEngines {
  const directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
  const sockets = new Set<Socket>();
  const ends: (() => Promise<unknown>)[] = [];

  async function listen(onConnection: (socket: Socket) => void): Promise<string> {
    const path = join(directory, `${ends.length}.sock`);
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      onConnection(socket);
    });
    ends.push(() => new Promise((resolve) => server.close(resolve)));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return path;
  }

  function open(address: EngineAddress, seconds = 5): Engine {
    const engine = openEngine(address, { seconds });
    ends.push(() => engine.close());
    return engine;
  }

  async function answering(listener: RequestListener, seconds?: number): Promise<Engine> {
    const http = createHttpServer((request, response) => {
      if (request.url === '/version') response.end(JSON.stringify(version));
      else listener(request, response);
    });
    return open(at(await listen((socket) => http.emit('connection', socket))), seconds);
  }

  return {
    directory,
    listen,
    open,
    answering,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      for (const end of ends.reverse()) await end();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The error for people that `promise` rejects with. */
export async function refusal(promise: Promise<unknown>): Promise<CleanupError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CleanupError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
