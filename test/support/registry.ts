import { execFile, execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { type Major, registryBinary } from './binary.ts';
import { writeInitScript } from './init-script.ts';
import { gone, isAlive, servingPids, signal } from './processes.ts';
import { configuration } from './registry-configuration.ts';

/** What the `htpasswd` variant lets in. */
export const credentials = { username: 'ci', password: 'secret' } as const;
/** bcrypt of `secret`, made once, so that no tool is needed to make it. */
export const bcryptOfSecret = '$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a';
const patience = 20_000;

export interface RegistryOptions {
  /** The driver's root. Default: a fresh directory, removed when disposed. */
  readonly root?: string;
  /** Laid over the default configuration, key by key; a key of null is left out. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** What the registry's environment has besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a free one. */
  readonly port?: number;
  /** Default: see `registryBinary`. */
  readonly binary?: string;
  /** Users must log in as `credentials`. */
  readonly auth?: 'htpasswd';
  /** `http.draintimeout` ("5s"): requests in flight may finish after SIGTERM. Default: they are cut. */
  readonly drainTimeout?: string;
  /** False: only prepared, not started. */
  readonly start?: boolean;
}

export interface TestRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** The same with the user and password that the test's pushes need, if any. */
  readonly pushUrl: string;
  readonly port: number;
  readonly root: string;
  readonly configFile: string;
  /** A temporary directory for what belongs to this registry (config, log, pid file); removed when disposed. */
  readonly directory: string;
  readonly binary: string;
  readonly version: string;
  readonly major: Major;
  /** Exactly what the registry gets, for whoever starts another command of it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of the process that serves now, whoever started it by the init script; undefined when none does. */
  readonly pid: number | undefined;
  start(): Promise<void>;
  /** SIGTERM, and back once it is gone. */
  stop(): Promise<void>;
  restart(): Promise<void>;
  /** Everything that it wrote to stdout and stderr so far, over all its starts. */
  log(): string;
}

export interface LiveCommands {
  readonly start: readonly string[];
  readonly stop: readonly string[];
}

const left = new Set<TestRegistry>();
// The registries are in sessions of their own: a test run that dies must not leave them behind.
process.on('exit', () => {
  for (const registry of left) {
    for (const pid of servingPids(registry.configFile)) signal(pid, 'SIGKILL');
    rmSync(registry.directory, { recursive: true, force: true });
  }
});

/** A real registry over a real directory, that answers when this returns. */
export async function startRegistry(options: RegistryOptions = {}): Promise<TestRegistry> {
  for (let attempt = 1; ; attempt++) {
    const registry = prepare(options, options.port ?? (await freePort()));
    left.add(registry);
    try {
      if (options.start !== false) await registry.start();
      return registry;
    } catch (thrown) {
      // Between looking for a free port and taking it, somebody else may have.
      const taken = /address already in use/.test(registry.log());
      await registry[Symbol.asyncDispose]();
      if (!taken || options.port !== undefined || attempt === 5) throw thrown;
    }
  }
}

/** The pair for `registry.live: { start, stop }`: what an operator's init script is. */
export function liveCommands(registry: Pick<TestRegistry, 'directory'>): LiveCommands {
  const script = initScriptOf(registry.directory);
  return { start: [script, 'start'], stop: [script, 'stop'] };
}

export interface Collected {
  /** Undefined: it did not end in time and was killed. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the registry's own collector, with the registry's configuration and environment, for at most `patience` ms. */
export function collect(
  registry: TestRegistry,
  flags: readonly string[] = [],
  patience = 20_000,
): Promise<Collected> {
  const { promise, resolve, reject } = Promise.withResolvers<Collected>();
  execFile(
    registry.binary,
    ['garbage-collect', ...flags, registry.configFile],
    { env: registry.environment, maxBuffer: 1 << 28, timeout: patience, killSignal: 'SIGKILL' },
    (error, stdout, stderr) => {
      if (error === null) resolve({ exitCode: 0, stdout, stderr });
      else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr });
      else if (error.killed === true) resolve({ exitCode: undefined, stdout, stderr });
      else reject(error);
    },
  );
  return promise;
}

/**
 * A TCP port of 127.0.0.1 on which nobody listened a moment ago. Below those that the system gives to whoever asks for
 * any: a registry that is stopped for a moment must find its own free when it comes back, whatever else runs here.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    const server = createServer();
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    if (await promise) return port;
  }
}

function prepare(options: RegistryOptions, port: number): TestRegistry {
  const binary = registryBinary(options.binary);
  const directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
  const root = options.root ?? join(directory, 'data');
  mkdirSync(root, { recursive: true });
  const configFile = join(directory, 'config.yml');
  const logFile = join(directory, 'log');
  const pidFile = pidFileOf(directory);
  const htpasswd = join(directory, 'htpasswd');
  if (options.auth !== undefined) writeFileSync(htpasswd, `${credentials.username}:${bcryptOfSecret}\n`);
  writeFileSync(
    configFile,
    stringify(configuration({ ...options, root, port, htpasswd: options.auth && htpasswd })),
  );
  const environment = {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: process.env.HOME ?? '/',
    OTEL_TRACES_EXPORTER: 'none',
    ...options.env,
  };
  const script = initScriptOf(directory);
  writeInitScript({ path: script, binary: binary.path, configFile, pidFile, logFile, environment });
  const host = `127.0.0.1:${port}`;
  const user = options.auth === undefined ? '' : `${credentials.username}:${credentials.password}@`;
  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');

  const registry: TestRegistry = {
    url: `http://${host}`,
    pushUrl: `http://${user}${host}`,
    port,
    root,
    configFile,
    directory,
    binary: binary.path,
    version: binary.version,
    major: binary.major,
    environment,
    get pid() {
      return servingPids(configFile)[0];
    },
    async start() {
      execFileSync(script, ['start']);
      await answers(registry);
    },
    async stop() {
      execFileSync(script, ['stop']);
      await goneFrom(port, configFile);
    },
    async restart() {
      await registry.stop();
      await registry.start();
    },
    log,
    async [Symbol.asyncDispose]() {
      for (const pid of servingPids(configFile)) signal(pid, 'SIGTERM');
      await goneFrom(port, configFile);
      rmSync(directory, { recursive: true, force: true });
      left.delete(registry);
    },
  };
  return registry;
}

/** A process that ends has no command line any more some time before its sockets are closed. */
async function goneFrom(port: number, configFile: string): Promise<void> {
  await gone(configFile);
  const deadline = Date.now() + 2_000;
  while ((await isListening(port)) && Date.now() < deadline) await sleep(10);
}

/** Whether somebody listens on that port of 127.0.0.1. */
export function isListening(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1', () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

function initScriptOf(directory: string): string {
  return join(directory, 'live');
}

function pidFileOf(directory: string): string {
  return join(directory, 'pid');
}

async function answers(registry: TestRegistry): Promise<void> {
  for (const deadline = Date.now() + patience; Date.now() < deadline; await sleep(10)) {
    const status = await fetch(`${registry.url}/v2/`).then(
      (response) => response.status,
      () => undefined,
    );
    // Whoever answers must be ours: another process may hold the port while ours fails on it.
    if ((status === 200 || status === 401) && registry.pid !== undefined) return;
    if (!isAlive(Number(readFileSync(pidFileOf(registry.directory), 'utf8')))) break;
  }
  throw new Error(`The registry did not start (${registry.binary}). Its log:\n${registry.log()}`);
}
