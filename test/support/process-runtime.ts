import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { children } from '../../src/runtime/process/children.ts';
import { createProcessRuntime, type ProcessRuntimeOptions } from '../../src/runtime/process.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { signal } from './processes.ts';
import { liveCommands, type TestRegistry } from './registry.ts';

/** A signal that nobody sends. */
export const quiet = new AbortController().signal;

/** The process runtime for a test's registry, whose live commands are its init script. */
export function runtimeFor(registry: TestRegistry, options: Partial<ProcessRuntimeOptions> = {}): Runtime {
  return createProcessRuntime({ ...runtimeOptions(registry), ...options });
}

export function runtimeOptions(registry: TestRegistry): ProcessRuntimeOptions {
  return {
    binary: registry.binary,
    config: registry.configFile,
    live: liveCommands(registry),
    hasAuth: false,
    standIn: true,
    stopTimeoutMs: 10_000,
    startTimeoutMs: 10_000,
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
    dropEnv: [],
  };
}

/** Inspects and refuses what is refused. */
export async function inspected(runtime: Runtime) {
  const state = await runtime.inspect(quiet);
  if (state.refusals.length > 0) throw new Error(state.refusals.join('\n'));
  return state;
}

/** Until disposed, `os.tmpdir()` is a fresh directory. No stand-in or collector of this file outlives it. */
export function ownTmpdir(): AsyncDisposable & { readonly path: string; left(): readonly string[] } {
  const before = process.env.TMPDIR;
  const path = mkdtempSync(join(tmpdir(), 'registry-cleanup-tmp-'));
  process.env.TMPDIR = path;
  return {
    path,
    left: () => readdirSync(path),
    async [Symbol.asyncDispose]() {
      await endOwnRuns();
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Blobs that no manifest names, planted: what a collector sweeps, with two lines of output for each. */
export function plantBlobs(root: string, count: number): void {
  const v2 = join(root, 'docker/registry/v2');
  mkdirSync(join(v2, 'repositories'), { recursive: true });
  for (let i = 0; i < count; i += 1) {
    const hex = i.toString(16).padStart(64, '0').split('').reverse().join('');
    const directory = join(v2, 'blobs/sha256', hex.slice(0, 2), hex);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'data'), 'x');
  }
}

const ownRuns = `test-${process.pid}-`;
let runs = 0;

/** Unlike any other run's of this machine. */
export function newRun(): string {
  runs += 1;
  return `${ownRuns}${Date.now().toString(36)}-${runs}`;
}

/** What a failed test left: stand-ins and collectors, of drivers too. */
async function endOwnRuns(): Promise<void> {
  for (const { pid, run } of await children()) if (run.startsWith(ownRuns)) signal(pid, 'SIGKILL');
}

export function post(url: string): Promise<number> {
  return fetch(`${url}/v2/probe/blobs/uploads/`, { method: 'POST' }).then(({ status }) => status);
}

/** The status of `GET /v2/`, or undefined if nobody answers. */
export function get(url: string): Promise<number | undefined> {
  return fetch(`${url}/v2/`).then(
    ({ status }) => status,
    () => undefined,
  );
}
