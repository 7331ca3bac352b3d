import { Agent, IncomingMessage } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { posix } from 'node:path';
import Docker from 'dockerode';
import { extract, type Header } from 'tar-stream';
import type { EngineAddress } from './engine/address.ts';
import { type Answer, type Call, type Caller, createCaller, type Dial, parsed } from './engine/caller.ts';
import { containerPath, createCalls } from './engine/calls.ts';
import type { Engine, EngineVersion } from './engine/engine.ts';
import { fieldsOf, need, textOf } from './engine/fields.ts';
import type { SshAddress } from './engine/ssh.ts';
import { createStreams } from './engine/streams.ts';
import { unreachable } from './engine/unreachable.ts';
import { spokenVersion } from './engine/version.ts';
import { fail, problem } from './errors.ts';

const longestFile = 1024 * 1024;
/** Headers of an archive, before the content of its first file. */
const archiveSlack = 64 * 1024;
const longestChain = 5;

/**
 * The engine at `address`. Nothing is asked before the first call. Connections are not kept between calls: one that a
 * proxy closes while it is unused would break the next call, and not every call may be repeated. `seconds`: within which
 * the engine must answer what it can answer at once.
 */
export function openEngine(
  address: EngineAddress,
  { seconds = 30 }: { readonly seconds?: number } = {},
): Engine {
  const connection = connect(address);
  const plain = createCaller(connection.dial, (call, thrown) => unreachable(address, call, thrown), seconds);
  let known: Promise<EngineVersion> | undefined;

  /** Without a version in its path, since it tells which one to speak. Asked once, unless it failed. */
  function version(): Promise<EngineVersion> {
    known ??= plain.ask({ method: 'GET', path: '/version' }).then(
      (answer) =>
        parsed(answer, (fields) => ({
          version: need(fields, 'Version', 'text'),
          api: spokenVersion(fields),
        })),
      (thrown: unknown) => {
        known = undefined;
        throw thrown;
      },
    );
    return known;
  }

  const caller: Caller = {
    ask: async (call) => plain.ask({ ...call, version: (await version()).api }),
    open: async (call, signal) => plain.open({ ...call, version: (await version()).api }, signal),
    get closed() {
      return plain.closed;
    },
    close: plain.close,
  };
  const calls = createCalls(caller);

  return {
    address: address.shown,
    version,
    ...calls,
    ...createStreams(caller, calls),
    readFile: (container, path) => readFile(caller, container, path),
    async close() {
      plain.close();
      connection.destroy();
    },
  };
}

/** What we use of dockerode's transport. */
interface Transport {
  dial(
    options: {
      readonly method: string;
      readonly path: string;
      readonly options: { readonly _query: object; readonly _body: object };
      readonly isStream: true;
      readonly statusCodes: Readonly<Record<number, true>>;
      readonly abortSignal: AbortSignal;
    },
    callback: (error: Error | null, result: unknown) => void,
  ): void;
}

/** Every status is an answer; which are errors is decided above. */
const everyStatus: Readonly<Record<number, true>> = Object.fromEntries(
  Array.from({ length: 900 }, (_, index) => [100 + index, true]),
);

/**
 * dockerode's transport rather than its methods: these wait for ever if a connection is cut in the middle of an answer,
 * and put names into paths as they are.
 */
function connect(address: EngineAddress): { readonly dial: Dial; readonly destroy: () => void } {
  const agent = agentFor(address);
  const transport = transportTo(address, agent);
  const prefix = address.kind === 'tcp' ? address.prefix : '';

  function dial(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const { method, path, version, query = {}, body = {} } = call;
    // It takes the "?" for the place of the query, and must not find one without.
    const mark = Object.keys(query).length === 0 ? '' : '?';
    return new Promise((resolve, reject) => {
      transport.dial(
        {
          method,
          path: `${prefix}${version === undefined ? '' : `/v${version}`}${path}${mark}`,
          options: { _query: query, _body: body },
          isStream: true,
          statusCodes: everyStatus,
          abortSignal: signal,
        },
        (error, result) => {
          if (error !== null) return reject(error);
          if (!(result instanceof IncomingMessage)) return reject(new Error('no answer of HTTP'));
          resolve(result);
        },
      );
    });
  }

  return { dial, destroy: () => agent?.destroy() };
}

/** Over SSH the transport makes its own, one per call, which ends with it. */
function agentFor(address: EngineAddress): Agent | undefined {
  if (address.kind === 'ssh') return undefined;
  if (address.kind === 'socket' || address.tls === undefined) return new Agent({ keepAlive: false });
  return new TlsAgent({ keepAlive: false, rejectUnauthorized: true, ...address.tls });
}

/**
 * Every option is given, be it as undefined: what is left out, it fills from the DOCKER_… variables of the process.
 * Errors: CONFIG_INVALID for such a variable that it does not understand, which it reads nevertheless.
 */
function transportTo(address: EngineAddress, agent: Agent | undefined): Transport {
  const options = {
    // With a host it would make URLs of ssh: that Node warns of; with a path, which SSH does not use, it makes none.
    socketPath: address.kind === 'socket' ? address.path : address.kind === 'ssh' ? 'ssh' : undefined,
    host: address.kind === 'tcp' ? address.host : undefined,
    port: address.kind === 'socket' ? undefined : address.port,
    protocol: protocolOf(address),
    username: address.kind === 'ssh' ? address.user : undefined,
    password: undefined,
    pathPrefix: undefined,
    version: undefined,
    timeout: undefined,
    connectionTimeout: undefined,
    checkServerIdentity: undefined,
    headers: { 'user-agent': 'registry-cleanup' },
    ca: address.kind === 'tcp' ? address.tls?.ca : undefined,
    cert: address.kind === 'tcp' ? address.tls?.cert : undefined,
    key: address.kind === 'tcp' ? address.tls?.key : undefined,
    agent,
    ...(address.kind === 'ssh' ? { sshOptions: sshOptions(address) } : {}),
  };
  try {
    return new Docker(options).modem;
  } catch (thrown) {
    const problems = ['DOCKER_HOST, DOCKER_CERT_PATH: what they name cannot be read'];
    throw problem('CONFIG_INVALID', { source: 'environment', problems }, thrown);
  }
}

function protocolOf(address: EngineAddress): 'http' | 'https' | 'ssh' {
  if (address.kind === 'ssh') return 'ssh';
  return address.kind === 'tcp' && address.tls !== undefined ? 'https' : 'http';
}

/** How a host proves a key of known_hosts. Others (security keys, DSA) the transport does not understand. */
const proofs = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
} as const;

function sshOptions({ host, agent, privateKey, hostKeys }: SshAddress) {
  // The host is asked for a kind of key that we know it by: it may have others.
  const kinds = Object.entries(proofs).filter(([kind]) => hostKeys.some(({ type }) => type === kind));
  return {
    // Not "host", which the transport overwrites with its own.
    hostname: host,
    ...(agent === undefined ? { privateKey } : { agent }),
    readyTimeout: 20_000,
    algorithms: { serverHostKey: kinds.flatMap(([, proof]) => proof) },
    hostVerifier: (key: Buffer) => hostKeys.some(({ bytes }) => bytes.equals(key)),
  };
}

/** Follows the links at the end of a path; those in the middle of it the engine follows itself. */
async function readFile(caller: Caller, container: string, path: string): Promise<Uint8Array | undefined> {
  const base = containerPath(container);
  if (base === undefined) return undefined;
  const call = { method: 'GET', path: `${base}/archive` } as const;
  let at = posix.resolve('/', path);
  for (let hops = 0; hops <= longestChain; hops += 1) {
    const limit = longestFile + archiveSlack;
    const answer = await caller.ask({ ...call, query: { path: at }, fine: [404], limit });
    if (answer.status === 404) return undefined;
    const { header, content } = await firstEntry(answer);
    if (header.type === 'file') {
      if (header.size > longestFile)
        fail('FILE_TOO_LARGE', { path: `${container}:${path}`, limit: longestFile });
      return content;
    }
    if (header.type !== 'symlink') {
      const kind = header.type === 'directory' ? 'a directory' : 'no file';
      fail('ENGINE_ANSWERED', {
        ...call,
        status: answer.status,
        reason: `${path} is ${kind} in the container`,
      });
    }
    at = resolvedLink(answer) ?? posix.resolve(posix.dirname(at), header.linkname);
  }
  fail('ENGINE_ANSWERED', {
    ...call,
    status: 200,
    reason: `${path} leads from link to link in the container`,
  });
}

/** Where a link leads in the end, as the engine tells it. Not all that speak its API do. */
function resolvedLink(answer: Answer): string | undefined {
  const header = answer.headers['x-docker-container-path-stat'];
  if (typeof header !== 'string') return undefined;
  const target = textOf(fieldsOf(JSON.parse(Buffer.from(header, 'base64').toString())).linkTarget);
  return target === '' ? undefined : posix.resolve('/', target);
}

/** What an archive begins with, with its content if that is small enough. */
async function firstEntry(answer: Answer): Promise<{ header: Header; content: Uint8Array }> {
  const archive = extract();
  archive.end(answer.body);
  for await (const entry of archive) {
    const { header } = entry;
    const chunks: Uint8Array[] = [];
    if (header.type === 'file' && header.size <= longestFile) {
      for await (const chunk of entry as AsyncIterable<Uint8Array>) chunks.push(chunk);
    }
    return { header, content: Buffer.concat(chunks) };
  }
  const { method, path } = answer.call;
  return fail('ENGINE_ANSWERED', { method, path, status: answer.status, reason: 'the archive is empty' });
}
