import type { Deed, Memo } from '../deed.ts';

export type { Deed, Memo };

/** Something that writes to the storage, or may. */
export interface Writer {
  /** For people: `docker-registry serve /etc/… (pid 12)`. */
  readonly name: string;
  readonly pid?: number;
}

/** How a client reaches an instance of the registry. */
export interface Reach {
  /** Scheme, host (for certificates and virtual hosts), port and prefix: `http://registry:5000`. */
  readonly url: string;
  /** Where to connect, whatever the host of `url` resolves to. */
  readonly connectTo?: { readonly host: string; readonly port: number };
}

/** What `preflight` finds out, changing nothing. */
export interface RegistryState {
  readonly runtime: 'process' | 'docker';
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
  /** What must exist before anything is stopped, so that the hand-over is short. Done first, undone last. */
  readonly prepare: Deed | undefined;
  /** The stand-in can serve beside the live registry: it starts before that stops and ends after that serves again. */
  readonly overlaps: boolean;
  /** The stand-in is reached by itself, so that nobody else's answer can be taken for its own. */
  readonly direct: boolean;
  /** How the stand-in is reached, once it serves. */
  reachStandIn(): Promise<Reach>;
  /**
   * Returns once the registry has been closed for so long that whoever supervises it would have been seen to start it
   * again. Throws FENCE_FAILED when somebody was.
   */
  settle(): Promise<void>;
  /** Whether the writers that `inspect` saw are gone and nobody but our stand-in serves. Says what is wrong, or undefined. */
  breach(): Promise<string | undefined>;
  /** Aborted, with what is wrong as its reason, the moment that a writer is seen to come. Undefined: only `breach` tells. */
  readonly broken: AbortSignal | undefined;
  /** What was known of it is out of date: `breach` must be asked before anything more is deleted. */
  readonly unsure: boolean;
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
  /** Its output was cut off before it ended (by a proxy, say): lines are missing. */
  readonly outputCut?: boolean;
}

/** What came of asking a throw-away instance; `untried`: why there was none. */
export type Trial<T> = { readonly answer: T } | { readonly untried: string };

/** The one place that knows how this registry is run. */
export interface Runtime {
  inspect(signal: AbortSignal): Promise<RegistryState>;
  /** How the live registry is reached now. Its place may be another one after it was restarted. */
  reachLive(state: RegistryState): Promise<Reach>;
  /** Whether the container of a lock's owner runs; undefined where that cannot be told. */
  isRunning(container: string): Promise<boolean | undefined>;
  fence(state: RegistryState, options: { readonly standIn: boolean; readonly runId: string }): Fence;
  /**
   * Undone, it makes the registry forget what it remembers outside of its own memory (a descriptor cache in Redis).
   * Pushed before anything is removed, so that it is undone before the registry starts. Undefined: nothing to forget.
   */
  flush(state: RegistryState, options: { readonly runId: string }): Deed | undefined;
  /**
   * Undone, it starts a live registry afresh that somebody started meanwhile: in its memory it may have what is gone.
   * Pushed before anything is removed, and before `flush`, so that it is undone after that. Undefined: not needed.
   */
  renew(state: RegistryState, options: { readonly runId: string }): Deed | undefined;
  collect(state: RegistryState, options: GcOptions & { readonly runId: string }): Deed<GcResult>;
  /**
   * Lets `ask` ask a throw-away instance of the registry, made read-only as the stand-in is, but over nothing and where
   * no client comes; it is gone when this returns. Throws what keeps it from serving.
   */
  tryReadonly<T>(
    state: RegistryState,
    options: { readonly runId: string; readonly signal: AbortSignal },
    ask: (reach: Reach) => Promise<T>,
  ): Promise<Trial<T>>;
  /** Undoes a deed of an earlier process from its memo. */
  undo(memo: Memo): Promise<void>;
  /** Closes what is kept open. */
  close(): Promise<void>;
}
