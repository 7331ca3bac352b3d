import type { Deed, Memo } from '../deed.ts';

export type { Deed, Memo };

/** Something that writes to the storage, or may. */
export interface Writer {
  /** For people: `docker-registry serve /etc/… (pid 12)`. */
  readonly name: string;
  readonly pid?: number;
}

/** What `preflight` finds out, changing nothing. */
export interface RegistryState {
  readonly runtime: 'process';
  /** As `--version` tells (`2.8.2+ds1`). */
  readonly version: string;
  readonly major: number;
  readonly driver: 'filesystem';
  /** The driver's root (absolute, real path): what `docker/registry/v2` is below. */
  readonly root: string;
  /** Where clients reach it, as we do: `http://127.0.0.1:5000`. */
  readonly url: string;
  readonly live: 'running' | 'stopped';
  /** Who listens or serves: stopped by the fence. Empty when stopped. */
  readonly writers: readonly Writer[];
  readonly auth: 'none' | 'htpasswd' | 'token' | 'other';
  readonly cache: 'none' | 'inmemory' | 'redis' | 'other';
  /** `proxy.remoteurl`, when it is a pull-through cache. */
  readonly proxy: string | undefined;
  /** Everything that speaks against a run here, all at once, each with its cure. Guards refuse on them. */
  readonly refusals: readonly string[];
  readonly warnings: readonly string[];
}

/** What the fence needs to be watched and measured. */
export interface Fence {
  /** Stops the live registry and returns when its processes are gone; undo starts it and waits until it answers. */
  readonly stop: Deed;
  /** Serves read-only where pulls expect it; undo stops it. Undefined without a stand-in. */
  readonly readonly: Deed | undefined;
  /** Whether the writers that `inspect` saw are gone and nobody but our stand-in serves. Says what is wrong, or undefined. */
  breach(): Promise<string | undefined>;
  /** Exact command that brings the registry back by hand. */
  readonly byHand: string;
  /** Seconds, measured: closed to pushes; not answering at all. */
  window(): { readonly readOnlySeconds: number; readonly unavailableSeconds: number };
}

export interface GcOptions {
  readonly dryRun: boolean;
  readonly deleteUntagged: boolean;
  /** Called with each raw line of stdout and stderr as it comes (not sanitised). */
  readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void;
}

export interface GcResult {
  readonly exitCode: number | undefined;
  /** Set when a signal ended it. */
  readonly signal: string | undefined;
}

/** The one place that knows how this registry is run. */
export interface Runtime {
  inspect(signal: AbortSignal): Promise<RegistryState>;
  fence(state: RegistryState, options: { readonly standIn: boolean; readonly runId: string }): Fence;
  collect(state: RegistryState, options: GcOptions & { readonly runId: string }): Deed<GcResult>;
  /** Undoes a deed of an earlier process from its memo. */
  undo(memo: Memo): Promise<void>;
}
