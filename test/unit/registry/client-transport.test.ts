import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createTransport, type Transport } from '../../../src/registry/client-transport.ts';
import { serve } from './scripted-server.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

function transport(options: Partial<Parameters<typeof createTransport>[0]> = {}): Transport {
  const made = createTransport({ timeoutMs: 5_000, ...options });
  open.push({ [Symbol.asyncDispose]: made.close });
  return made;
}

function get(url: string, limit = 1000) {
  return { method: 'GET', url: new URL(url), limit } as const;
}

/** A TCP server that does with its connections as it likes. */
async function tcp(onConnection: (socket: Socket, number: number) => void): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    onConnection(socket, sockets.push(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await server[Symbol.asyncDispose]();
    },
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/`;
}

describe('send', () => {
  it('says why nobody could be reached', async () => {
    const gone = await serve((_, response) => response.end());
    await gone[Symbol.asyncDispose]();
    await expect(transport().send(get(`${gone.url}/x?secret=1`))).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringMatching(/^The registry at \S+\/x could not be reached: connect ECONNREFUSED/),
    });
  });

  it('says why nobody could be reached at any address of a name', async () => {
    const gone = await serve((_, response) => response.end());
    await gone[Symbol.asyncDispose]();
    const url = gone.url.replace('127.0.0.1', 'localhost');
    await expect(transport().send(get(url))).rejects.toThrow(/could not be reached: .*ECONNREFUSED/);
  });

  it('waits no longer than it should for an answer', async () => {
    const url = await tcp(() => {});
    await expect(transport({ timeoutMs: 200 }).send(get(url))).rejects.toThrow('no answer within 0.2 s');
  });

  it('waits no longer for one that comes a byte at a time', async () => {
    const url = await tcp((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    await expect(transport({ timeoutMs: 300 }).send(get(url))).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
  });

  it('reads no more than was asked for', async () => {
    let sent = 0;
    const server = await serve((_, response) => {
      const more = () => {
        sent += 65536;
        if (!response.destroyed) response.write(Buffer.alloc(65536), () => setImmediate(more));
      };
      more();
    });
    open.push(server);
    const answer = await transport().send(get(server.url, 100));
    expect([answer.body.length, answer.cut]).toEqual([100, true]);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it('takes an answer of exactly the limit for a whole one', async () => {
    const server = await serve((_, response) => response.end('x'.repeat(100)));
    open.push(server);
    const answer = await transport().send(get(server.url, 100));
    expect([answer.body.length, answer.cut]).toEqual([100, false]);
  });

  it.each([
    ['no HTTP at all', 'SSH-2.0-OpenSSH\r\n'],
    ['a header without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`],
    ['a body that breaks off', 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nshort'],
  ])('refuses %s', async (_, bytes) => {
    const url = await tcp((socket) => socket.end(bytes));
    await expect(transport().send(get(url))).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  });

  it('asks once more when the connection was closed, and only for what changes nothing', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    const url = await tcp((socket, number) => {
      socket.once('data', () => (number === 1 || number === 3 ? socket.destroy() : socket.end(answer)));
    });
    const { send } = transport();
    expect((await send(get(url))).status).toBe(200);
    await expect(send({ method: 'POST', url: new URL(url), limit: 10 })).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
    });
  });

  it('ends with the reason of its signal, before and during a request', async () => {
    const url = await tcp(() => {});
    const controller = new AbortController();
    const { send } = transport({ signal: controller.signal });
    const reason = new Error('interrupted');
    setTimeout(() => controller.abort(reason), 50);
    const started = performance.now();
    await expect(send(get(url))).rejects.toBe(reason);
    await expect(send(get(url))).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});

describe('TLS', () => {
  const fixture = (name: string) => new URL(`../../fixtures/tls/${name}`, import.meta.url).pathname;

  async function tlsServer() {
    const server = await serve((_, response) => response.end('private'), {
      key: readFileSync(fixture('localhost.key'), 'utf8'),
      cert: readFileSync(fixture('localhost.crt'), 'utf8'),
    });
    open.push(server);
    return server;
  }

  it('trusts nobody whom it does not know', async () => {
    const { url } = await tlsServer();
    await expect(transport().send(get(url))).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('self-signed certificate'),
    });
  });

  it('trusts the authority that it is given', async () => {
    const { url } = await tlsServer();
    const answer = await transport({ tls: { ca: fixture('localhost.crt') } }).send(get(url));
    expect(Buffer.from(answer.body).toString()).toBe('private');
  });

  it('trusts anybody when told to', async () => {
    const { url } = await tlsServer();
    expect((await transport({ tls: { insecure: true } }).send(get(url))).status).toBe(200);
  });

  it('says which file it cannot read', () => {
    expect(() => createTransport({ timeoutMs: 1, tls: { ca: '/nowhere/ca.pem' } })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        details: [expect.stringContaining('/nowhere/ca.pem')],
      }),
    );
  });
});
