import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { LiveCommands, TestRegistry } from './registry.ts';
import { liveCommands } from './registry.ts';

const cli = resolve(import.meta.dirname, '../../src/cli.ts');

/** How a run of the program ended. */
export interface Ended {
  /** Null when a signal ended the process itself. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A program, and its first arguments, that starts it. */
  readonly under?: readonly string[];
  /** Called with the child when it runs: to send it a signal, or to look at its output. */
  readonly onSpawn?: (child: ReturnType<typeof spawn>) => void;
}

/** Runs the program as a user would: its own process, no terminal. */
export function program(args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  const [file = process.execPath, ...rest] = [...(options.under ?? []), process.execPath, cli, ...args];
  const child = spawn(file, rest, {
    cwd: options.cwd ?? tmpdir(),
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  options.onSpawn?.(child);
  return new Promise((done, failed) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', failed);
    child.on('close', (exitCode) => done({ exitCode, stdout, stderr }));
  });
}

/** What of the JSON document tests look at. Kept apart from the program's own type on purpose. */
export interface Report {
  readonly outcome: string;
  readonly exitCode: number;
  readonly dryRun: boolean;
  readonly registry: { version: string; runtime: string; storage: string } | null;
  readonly before: Figures | null;
  readonly after: Figures | null;
  readonly removed: Record<
    'tags' | 'manifests' | 'layerLinks' | 'uploads' | 'repositories' | 'blobs' | 'bytes',
    number
  >;
  readonly young: {
    manifests: number;
    keepWithin: string;
    nextAt: string | null;
    blobs: number;
    bytes: number;
  };
  readonly window: { readOnlySeconds: number; unavailableSeconds: number };
  readonly collector: { name: string; deleteUntagged: boolean; because: string; rehearsed: boolean } | null;
  readonly isolated: readonly {
    name: string;
    findings: readonly { kind: string; path: string; detail: string; cure: string }[];
  }[];
  readonly steps: readonly { id: string; outcome: string; note?: string }[];
  readonly repositories: readonly {
    name: string;
    manifestsBefore: number;
    manifestsAfter: number;
    bytesFreed: number;
  }[];
  readonly warnings: readonly string[];
  readonly error: { code: string; message: string; hint: string; details: readonly string[] } | null;
}

export type Figures = Record<
  'repositories' | 'tags' | 'manifests' | 'layerLinks' | 'blobs' | 'bytes',
  number
>;

export interface ConfigOptions {
  /** Default: the registry's own start and stop commands. */
  readonly live?: LiveCommands | 'stopped';
  readonly binary?: string;
  /** Laid over the configuration, top-level key by key. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Laid over `registry`. */
  readonly registry?: Readonly<Record<string, unknown>>;
}

/** Writes a cleanup.config.json for `registry` and returns its path. `untagged.keepWithin` is 0s unless `more` says otherwise. */
export function configFor(registry: TestRegistry, options: ConfigOptions = {}): string {
  const file = join(mkdtempSync(join(registry.directory, 'cleanup-')), 'cleanup.config.json');
  const config = {
    registry: {
      runtime: 'process',
      binary: options.binary ?? registry.binary,
      config: registry.configFile,
      live: options.live ?? liveCommands(registry),
      ...options.registry,
    },
    untagged: { keepWithin: '0s' },
    ...options.more,
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** Runs `command … --json` and parses what it prints. */
export async function report(
  command: 'run' | 'plan',
  config: string,
  args: readonly string[] = [],
  options: ProgramOptions = {},
): Promise<Ended & { readonly report: Report }> {
  const ended = await program([command, '--config', config, '--json', ...args], options);
  let parsed: Report;
  try {
    parsed = JSON.parse(ended.stdout) as Report;
  } catch (error) {
    throw new Error(`no JSON on stdout (exit ${ended.exitCode}): ${ended.stdout}\n${ended.stderr}`, {
      cause: error,
    });
  }
  return { ...ended, report: parsed };
}

/** A temporary directory that goes with the scope. */
export function temporaryDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
