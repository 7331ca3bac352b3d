import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { realAddress } from './boxes.ts';

/** What we use of ssh2, which is there as the transport of dockerode is: no dependency of our own. */
interface Ssh2 {
  readonly Server: new (
    options: { hostKeys: readonly string[] },
    onClient: (client: SshClient) => void,
  ) => SshListener;
  readonly utils: {
    generateKeyPairSync(kind: 'ed25519'): { readonly private: string; readonly public: string };
    parseKey(key: string): {
      getPublicSSH(): Buffer;
      verify(data: Buffer, signature: Buffer, algorithm?: string): boolean;
    };
  };
}
interface SshListener {
  listen(port: number, host: string, then: () => void): void;
  address(): AddressInfo;
  close(then: () => void): void;
}
interface SshClient {
  on(event: 'authentication', listener: (context: Authentication) => void): this;
  on(event: 'session', listener: (accept: () => Session) => void): this;
  on(event: 'error' | 'close', listener: () => void): this;
  end(): void;
}
interface Authentication {
  readonly method: string;
  readonly username: string;
  readonly key: { readonly data: Buffer };
  readonly signature?: Buffer;
  readonly blob?: Buffer;
  readonly hashAlgo?: string;
  accept(): void;
  reject(methods: readonly string[]): void;
}
interface Session {
  on(
    event: 'exec',
    listener: (
      accept: () => Duplex & { exit(code: number): void },
      reject: () => void,
      info: { command: string },
    ) => void,
  ): void;
}

const { Server, utils }: Ssh2 = createRequire(createRequire(import.meta.url).resolve('docker-modem'))('ssh2');

export interface SshServer extends AsyncDisposable {
  readonly port: number;
  /** Who logged in. */
  users(): ReadonlySet<string>;
}

/** A pair of keys. Of those that ssh2 makes, some four of a thousand are malformed to itself. */
function makeKey(): { readonly private: string; readonly public: string } {
  for (;;) {
    const pair = utils.generateKeyPairSync('ed25519');
    if (!(utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

/**
 * A host whose `docker system dial-stdio` leads to the real engine. It takes the user `somebody` with the key that is
 * put into `home`/.ssh, where it is known by its right key or by a wrong one.
 */
export async function serveSsh(options: {
  readonly home: string;
  readonly knownAs: 'right' | 'wrong';
}): Promise<SshServer> {
  const directory = join(options.home, '.ssh');
  mkdirSync(directory, { recursive: true });
  const [own, host, wrong] = [makeKey(), makeKey(), makeKey()];
  const taken = utils.parseKey(own.private);
  writeFileSync(join(directory, 'id_ed25519'), own.private, { mode: 0o600 });
  const users = new Set<string>();
  const clients = new Set<SshClient>();

  const server = new Server({ hostKeys: [host.private] }, (client) => {
    clients.add(client);
    client.on('error', () => {});
    client.on('close', () => clients.delete(client));
    client.on('authentication', (context) => {
      const known =
        context.method === 'publickey' &&
        context.username === 'somebody' &&
        context.key.data.equals(taken.getPublicSSH());
      if (!known) return context.reject(['publickey']);
      if (context.signature !== undefined && context.blob !== undefined) {
        if (!taken.verify(context.blob, context.signature, context.hashAlgo))
          return context.reject(['publickey']);
        users.add(context.username);
      }
      context.accept();
    });
    client.on('session', (accept) => {
      accept().on('exec', (start, reject, { command }) => {
        if (command !== 'docker system dial-stdio') return reject();
        const channel = start();
        const engine = connect(realAddress().path);
        engine.on('error', () => channel.exit(1));
        channel.on('error', () => engine.destroy());
        channel.on('close', () => engine.destroy());
        channel.pipe(engine).pipe(channel);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const { port } = server.address();
  const known = options.knownAs === 'right' ? host : wrong;
  writeFileSync(join(directory, 'known_hosts'), `[localhost]:${port} ${known.public}\n`);
  return {
    port,
    users: () => users,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.end();
      await new Promise<void>((resolve) => server.close(resolve));
    },
  };
}
