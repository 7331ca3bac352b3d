/** How the live registry is stopped and started. */
export type Live =
  | { readonly unit: string }
  | { readonly start: readonly string[]; readonly stop: readonly string[] }
  | 'stopped';

export interface ProcessRuntimeOptions {
  /** The registry binary, a path or a name on the PATH. Default: `registry` or `docker-registry` on the PATH. */
  readonly binary?: string | undefined;
  /** The registry's own config.yml. Default: the one that the live registry uses. */
  readonly config?: string | undefined;
  readonly live: Live;
  /** How clients reach the registry. Default: the address that its configuration names. */
  readonly url?: string | undefined;
  /** Whether there are credentials with which a read-only registry can be proven where it asks for them. */
  readonly hasAuth: boolean;
  /** Whether pulls shall be served while the live registry is stopped. */
  readonly standIn: boolean;
  readonly stopTimeoutMs: number;
  readonly startTimeoutMs: number;
  /** Our own environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Names in `env` that mean something to us and would mean something else to a registry. */
  readonly dropEnv: readonly string[];
}
