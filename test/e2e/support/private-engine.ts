import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n'];

const containerdPid = 'exec/containerd/containerd.pid';

/**
 * A Docker Engine of one test's own, which may be killed: socket, data, network namespace and processes are its own. Its
 * containers reach each other and this machine, which reaches them, and nothing outside. Published ports are those of
 * its namespace.
 */
export class PrivateEngine implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'rc-e2e-engine-'));
  readonly socket = join(this.directory, 'docker.sock');
  /** For DOCKER_HOST. */
  readonly host = `unix://${this.socket}`;
  /** Ends it, also when this process does not come to that. A Ctrl-C is not for it. */
  readonly #guardian = spawn(join(import.meta.dirname, 'private-engine.sh'), [this.directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  /** Pid of who keeps its network namespace. */
  #keeper = '';
  #pool = '';
  #daemon: ChildProcess | undefined;

  /** With `images` of the engine that DOCKER_HOST names now. */
  static async open(images: readonly string[]): Promise<PrivateEngine> {
    const engine = new PrivateEngine();
    try {
      await engine.#getNetwork();
      await engine.start();
      const copy = 'docker save "$@" | docker -H "$0" load -q';
      await promisify(execFile)('sh', ['-c', copy, engine.host, ...images]);
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #getNetwork(): Promise<void> {
    const told = await Promise.race([once(this.#guardian.stdout, 'data'), once(this.#guardian, 'exit')]);
    const [keeper, network] = String(told[0]).trim().split(' ');
    if (network === undefined) throw new Error('no network can be made for an engine');
    this.#keeper = keeper ?? '';
    this.#pool = `base=${network}.0.0/17,size=24`;
  }

  /** Once it answers: containers of an earlier life have ended by then, or run again as their policy says. */
  async start(...flags: readonly string[]): Promise<void> {
    const [file = '', ...rest] = [
      ...asRoot,
      ...['nsenter', '--target', this.#keeper, '--net'],
      // Whoever else has a copy of our mounts would keep the networks of dead containers alive, which go on answering.
      ...['unshare', '--mount', '--propagation', 'slave'],
      'dockerd',
      ...['--host', this.host, '--group', String(process.getgid?.() ?? 0)],
      ...[
        '--data-root',
        this.#path('data'),
        '--exec-root',
        this.#path('exec'),
        '--pidfile',
        this.#path('pid'),
      ],
      ...['--iptables=false', '--ip-forward=false', '--ip-masq=false'],
      ...['--bridge', 'none', '--default-address-pool', this.#pool],
      ...flags,
    ];
    const log = openSync(this.#path('log'), 'a');
    const daemon = spawn(file, rest, { stdio: ['ignore', log, log], detached: true });
    let missing: Error | undefined;
    daemon.on('error', (error) => {
      missing = error;
    });
    this.#daemon = daemon;
    for (let attempt = 0; attempt < 600; attempt++) {
      if (await this.#answers()) return;
      if (missing !== undefined) throw missing;
      if (daemon.exitCode !== null || daemon.signalCode !== null) break;
      await sleep(50);
    }
    throw new Error(`the engine does not start: ${readFileSync(this.#path('log'), 'utf8').slice(-2_000)}`);
  }

  /** Returns when its daemon is gone. What runs in containers lives on until it is started again. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const gone = once(daemon, 'exit');
    this.#signal(signal, readFileSync(this.#path('pid'), 'utf8'));
    await gone;
    // Its containerd dies with it. Where nobody buries the dead, both are taken for alive at the next start.
    this.#root('rm', '-f', this.#path('pid'), this.#path(containerdPid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What outlived it only it can end well.
    if (!(await this.#answers())) await this.start().catch(() => {});
    this.#guardian.stdin.end();
    if (this.#guardian.exitCode === null) await once(this.#guardian, 'exit');
  }

  async #answers(): Promise<boolean> {
    const asked = promisify(execFile)('docker', ['-H', this.host, 'version'], { timeout: 20_000 });
    return asked.then(
      () => true,
      () => false,
    );
  }

  #signal(signal: string, pid: string): void {
    this.#root('kill', '-s', signal.slice(3), pid.trim());
  }

  #root(...argv: readonly string[]): void {
    const [file = '', ...rest] = [...asRoot, ...argv];
    // Not checked: what is to be ended or removed may be gone already.
    spawnSync(file, rest, { stdio: 'ignore' });
  }

  #path(name: string): string {
    return join(this.directory, name);
  }
}
