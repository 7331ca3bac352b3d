import { createServer as createHttpServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { SocketAddress, TcpAddress } from '../../../src/engine/address.ts';
import { realAddress } from './boxes.ts';

/** Something between us and the real engine, on a port of this machine. */
export interface Between extends AsyncDisposable {
  readonly address: TcpAddress;
  /** Cuts what is open. */
  cut(): void;
}

function addressOf(server: Server): TcpAddress {
  const { port } = server.address() as AddressInfo;
  return {
    kind: 'tcp',
    shown: `tcp://localhost:${port}`,
    host: 'localhost',
    port,
    prefix: '',
    tls: undefined,
  };
}

async function stand(server: Server): Promise<Between> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket.on('error', () => {}));
    socket.once('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    address: addressOf(server),
    cut,
    [Symbol.asyncDispose]() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Passes bytes on, after TLS if there are options for it. */
export function bytesBetween(tls?: TlsOptions): Promise<Between> {
  const pass = (socket: Socket) => {
    const engine = connect(realAddress().path);
    engine.on('error', () => socket.destroy());
    socket.on('error', () => engine.destroy());
    socket.once('close', () => engine.destroy());
    engine.once('close', () => socket.destroy());
    socket.pipe(engine).pipe(socket);
  };
  return stand(tls === undefined ? createServer(pass) : createTlsServer(tls, pass));
}

/** Passes questions on as an HTTP proxy does; `path` and `version` may change them and the engine's `/version`. */
export function httpBetween(options: {
  readonly path: (path: string) => string;
  readonly version: (told: Readonly<Record<string, unknown>>) => object;
}): Promise<Between> {
  const { path: socketPath }: SocketAddress = realAddress();
  const server = createHttpServer((request, response) => {
    const { url: asked = '', method, headers } = request;
    const passed = httpRequest(
      { socketPath, method, headers, path: options.path(asked), agent: false },
      (answer) => {
        if (asked.endsWith('/version')) return void told(answer).then((text) => response.end(text));
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        return answer.pipe(response);
      },
    );
    passed.on('error', (error) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end(String(error));
    });
    response.once('close', () => passed.destroy());
    // In one piece: the engine may have answered and gone before a last, empty write.
    void wholeOf(request).then((body) => passed.end(body));
  });
  const told = async (answer: IncomingMessage): Promise<string> =>
    JSON.stringify(options.version(JSON.parse((await wholeOf(answer)).toString())));
  return stand(server);
}

async function wholeOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}
