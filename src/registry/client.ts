import type { Credentials } from './auth.ts';
import { createExchange } from './client-exchange.ts';
import { createPull } from './client-pull.ts';
import { createPush } from './client-push.ts';
import type { Tls } from './client-transport.ts';
import type { Digest } from './digest.ts';

export interface ClientOptions {
  /** `http://127.0.0.1:5000`, with a path where the registry has a prefix. */
  readonly url: string;
  /** Where to connect instead of what the host of `url` resolves to. Token services are not affected. */
  readonly connectTo?: { readonly host: string; readonly port: number } | undefined;
  readonly auth?: Credentials;
  readonly tls?: Tls;
  /** For one question and its answer, milliseconds; uploads get more by their size. */
  readonly timeoutMs?: number;
  /** Ends every request; they reject with its reason. */
  readonly signal?: AbortSignal;
}

export interface Ping {
  readonly status: number;
  /** What is asked for before anything is answered. Undefined: neither an open door nor a scheme that we speak. */
  readonly challenge: 'none' | 'basic' | 'bearer' | undefined;
  /** The answer carried `Docker-Distribution-Api-Version`. */
  readonly distribution: boolean;
}

export interface UploadProbe {
  readonly status: number;
  /** Without parameters; empty where none was sent. */
  readonly contentType: string;
  /** `Docker-Distribution-Api-Version`. */
  readonly apiVersion: string | undefined;
  /** Of the upload that was begun after all (202): for `cancelUpload`. */
  readonly location: string | undefined;
  /** The first 4 KiB. */
  readonly body: string;
}

export interface Manifest {
  /** Of `bytes`, whatever the registry says. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/**
 * A registry's HTTP API (distribution 2.8 and 3.x). Every method may throw REGISTRY_UNREACHABLE,
 * REGISTRY_ANSWERED (an unexpected status) and REGISTRY_GARBLED (nonsense, or more than was bargained for).
 */
export interface Client {
  /** Without credentials in it. */
  readonly url: string;
  /** Asks `/v2/` without credentials. Any status will do. */
  ping(): Promise<Ping>;
  /** Asks to begin an upload, with credentials where they are asked for, and tells the answer as it is. */
  probeUpload(repository: string): Promise<UploadProbe>;
  /**
   * Takes back an upload that `probeUpload` began; one that is gone is fine. Distribution 2.8 and 3.1 remove its
   * data, but write `_uploads/<id>/hashstates` once more when they close it.
   */
  cancelUpload(repository: string, location: string): Promise<void>;
  /** `reference`: a tag or a digest. Undefined: there is none (404). */
  getManifest(repository: string, reference: string): Promise<Manifest | undefined>;
  headManifest(
    repository: string,
    reference: string,
  ): Promise<{ digest: Digest; mediaType: string } | undefined>;
  /** As a HEAD tells. A registry with a descriptor cache may be mistaken after a garbage collection. */
  hasBlob(repository: string, digest: Digest): Promise<boolean>;
  /** Uploads `bytes` in one piece, unless the repository has them or they can be mounted from another. */
  pushBlob(
    repository: string,
    bytes: Uint8Array,
    options?: { readonly mountFrom?: string },
  ): Promise<{ digest: Digest; how: 'present' | 'mounted' | 'uploaded' }>;
  putManifest(repository: string, reference: string, manifest: Omit<Manifest, 'digest'>): Promise<Digest>;
  /**
   * One page of repositories, since distribution loses names between pages. `limit` is at most 1000; where the
   * registry's own maximum is lower, a page of its choice. `complete`: there are no others.
   */
  catalog(limit?: number): Promise<{ names: readonly string[]; complete: boolean }>;
  /** Empty where the repository is not known. */
  tags(repository: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

const defaultTimeoutMs = 30_000;

/** Errors: CONFIG_INVALID for a `url` that is none, or a `tls.ca` that cannot be read. */
export function createClient(options: ClientOptions): Client {
  const exchange = createExchange({ ...options, timeoutMs: options.timeoutMs ?? defaultTimeoutMs });
  return {
    url: exchange.address.shown,
    ...createPull(exchange),
    ...createPush(exchange),
    close: exchange.close,
  };
}
