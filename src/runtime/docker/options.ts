export interface DockerRuntimeOptions {
  /** Name or id of the live registry's container. Default: found by label or Compose service. */
  readonly container?: string | undefined;
  /** How clients reach the registry. Default: found out. */
  readonly url?: string | undefined;
  /** Whether there are credentials with which a read-only registry can be proven where it asks for them. */
  readonly hasAuth: boolean;
  /** Whether pulls shall be served while the live registry is stopped. */
  readonly standIn: boolean;
  readonly startTimeoutMs: number;
  /** Whether anything is going to be removed: then the storage must be mounted writable. */
  readonly writes: boolean;
  /** Our own environment: DOCKER_HOST and the like, COMPOSE_PROJECT_NAME. */
  readonly env: Readonly<Record<string, string | undefined>>;
}
