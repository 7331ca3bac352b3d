/** A container, as a listing tells it. */
export interface ContainerSummary {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly image: string;
  /** `running`, `paused`, `restarting`, `exited`, `created`, `dead`, `removing` (Engine API). */
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
}

/** Where something of the host's is seen in a container. */
export interface Mount {
  readonly type: string;
  /** Of a volume. */
  readonly name: string | undefined;
  /** Path on the engine's host. Empty for a tmpfs. */
  readonly source: string;
  /** Path in the container. */
  readonly destination: string;
  readonly writable: boolean;
}

/** A volume, as the engine's list of them tells it. */
export interface Volume {
  readonly name: string;
  /** Path on the engine's host where it is mounted while it is in use. */
  readonly mountpoint: string;
  /**
   * What is mounted there, if it has a place of its own: a directory of the engine's host (`o: bind`), or
   * `nfs:<server>:/<path>`.
   */
  readonly device: string | undefined;
}

export interface RestartPolicy {
  /** `no`, `always`, `unless-stopped`, `on-failure`; empty means `no`. */
  readonly name: string;
  readonly maximumRetryCount: number;
}

/** A container's place in a network. */
export interface Endpoint {
  /** The network's name, as the container was given it. */
  readonly network: string;
  readonly aliases: readonly string[];
  /** Empty while it does not run. */
  readonly ip: string;
  readonly ipv6: string;
  readonly gateway: string;
  /** Addresses that were asked for; undefined where the engine chooses. */
  readonly fixed: { readonly ipv4: string | undefined; readonly ipv6: string | undefined } | undefined;
  /** As the Engine API wants it back for the same place, addresses that the engine chose left out. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface PortBinding {
  /** `5000/tcp`. */
  readonly port: string;
  /** Empty: all addresses. */
  readonly hostIp: string;
  /** Empty: a port that the engine chooses. */
  readonly hostPort: string;
}

/** A container, as its inspection tells it. */
export interface Container {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  /** Of the image that it was made from: `sha256:…`. */
  readonly imageId: string;
  /** The image's name, for people. */
  readonly image: string;
  /** Program and arguments, entrypoint included. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** `user[:group]` as written; empty: the image's own, else root. */
  readonly user: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly state: {
    /** `running`, `exited`, … */
    readonly status: string;
    readonly running: boolean;
    readonly paused: boolean;
    readonly restarting: boolean;
    readonly exitCode: number;
    /** RFC 3339, with nanoseconds: tells one life of a container from the next. */
    readonly startedAt: string;
    /** On the engine's host; 0 when it does not run. */
    readonly pid: number;
  };
  readonly restartPolicy: RestartPolicy;
  /** `--rm`: it is gone once it stops. */
  readonly autoRemove: boolean;
  /** `default`, `host`, `none`, `container:<id>`, or a network's name. */
  readonly networkMode: string;
  readonly endpoints: readonly Endpoint[];
  /** What was asked for (`HostConfig.PortBindings`, or all exposed ports with `PublishAllPorts`). */
  readonly portBindings: readonly PortBinding[];
  /** What is bound now; empty while it does not run. */
  readonly published: readonly PortBinding[];
  /** Seconds that the engine waits between the stop signal and killing it; undefined: the engine's default, 10. */
  readonly stopTimeout: number | undefined;
  /** `Config` and `HostConfig` as the engine tells them, to make a container like this one. */
  readonly raw: {
    readonly config: Readonly<Record<string, unknown>>;
    readonly hostConfig: Readonly<Record<string, unknown>>;
  };
}

/** What a new container is made of: the Engine API's body of `POST /containers/create`. */
export interface NewContainer {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly hostConfig: Readonly<Record<string, unknown>>;
  /** One network; the others are connected afterwards (API before 1.44 takes one only). */
  readonly endpoint: Pick<Endpoint, 'network' | 'config'> | undefined;
}

export interface EngineEvent {
  /** `start`, `die`, `restart`, `create` … */
  readonly action: string;
  readonly containerId: string;
  readonly containerName: string;
}

/** A command that runs in a container. */
export interface Exec {
  readonly id: string;
  /**
   * Resolves when its output has ended, which is not the end of the command: proxies cut idle streams. Rejects with
   * what broke the stream.
   */
  readonly output: Promise<void>;
}

export interface ExecState {
  readonly running: boolean;
  /** Undefined while it runs. */
  readonly exitCode: number | undefined;
}

export interface EngineVersion {
  /** `20.10.24+dfsg1`. */
  readonly version: string;
  /** That is spoken: negotiated. */
  readonly api: string;
}

/**
 * The Docker Engine, as far as we need it. Containers are named by id or name; a missing one is `undefined` where that
 * can be answered. Errors: ENGINE_UNREACHABLE when it does not answer or may not be asked (no socket, no rights,
 * refused connection, bad certificate), ENGINE_ANSWERED when it says no. Every call but `events` and an exec's output
 * has a deadline.
 */
export interface Engine {
  /** For people: `unix:///var/run/docker.sock`. */
  readonly address: string;
  version(): Promise<EngineVersion>;
  /** All of them, stopped ones included. `labels`: `name` or `name=value`, all of which must fit. */
  list(labels?: readonly string[]): Promise<readonly ContainerSummary[]>;
  inspect(container: string): Promise<Container | undefined>;
  /** Those of the driver `local`. */
  volumes(): Promise<readonly Volume[]>;
  /** Returns the id. */
  create(container: NewContainer): Promise<string>;
  connect(network: string, container: string, config: Readonly<Record<string, unknown>>): Promise<void>;
  /** Running already: fine. */
  start(container: string): Promise<void>;
  /** Returns when it has exited; `seconds`: until it is killed, its own time by default. Stopped already: fine. */
  stop(container: string, seconds?: number): Promise<void>;
  restart(container: string): Promise<void>;
  /** Not running or missing: fine. */
  kill(container: string): Promise<void>;
  /** By force, its anonymous volumes left alone. Missing: fine. */
  remove(container: string): Promise<void>;
  setRestartPolicy(container: string, policy: RestartPolicy): Promise<void>;
  /** One file's content (symlinks in the container followed), or undefined if there is none. At most 1 MiB. */
  readFile(container: string, path: string): Promise<Uint8Array | undefined>;
  /** Starts `argv` in a running container as the container's own user. Lines come raw, without their newline. */
  exec(
    container: string,
    argv: readonly string[],
    onLine: (line: string, stream: 'stdout' | 'stderr') => void,
  ): Promise<Exec>;
  inspectExec(exec: string): Promise<ExecState>;
  /** The last lines of its log, both streams, oldest first; none where the log driver keeps none. */
  logs(container: string, lines: number): Promise<readonly string[]>;
  /**
   * Container events from now on, until `signal` aborts. Resolves once the engine has begun to answer; `ended` tells
   * that the stream is over although nobody aborted it, and why.
   */
  events(listener: {
    readonly signal: AbortSignal;
    readonly onEvent: (event: EngineEvent) => void;
    readonly onEnded: (reason: string) => void;
  }): Promise<void>;
  /** Closes what is kept open. */
  close(): Promise<void>;
}
