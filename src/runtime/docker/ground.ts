import type { Container, Engine } from '../../engine/engine.ts';
import type { RegistryConfiguration } from '../../registry/configuration.ts';
import type { DockerRuntimeOptions } from './options.ts';

/** What `inspect` found out, and fence and collector stand on. Only complete where it found nothing to refuse. */
export interface Ground {
  readonly options: DockerRuntimeOptions;
  readonly engine: Engine;
  /** The container that users push to, as it was when we looked. */
  readonly live: Container;
  /** The container that we run in; undefined on the host. */
  readonly self: Container | undefined;
  /** A stand-in that Compose declares, so that none need be created; undefined: it is made from the live container. */
  readonly declared: Container | undefined;
  /** Path of config.yml in the container. */
  readonly configPath: string;
  readonly configuration: RegistryConfiguration;
  /** The registry's program in the container, for `garbage-collect`: `registry`. */
  readonly binary: string;
  /** `2.8.2`. */
  readonly version: string;
  readonly major: number;
  /** Port that the registry listens on in its container. */
  readonly port: number;
  /** Where the storage is on the engine's host, by the names of `hostPathOf`: what every mount is compared with. */
  readonly hostPath: string;
  /** Where the storage is for us: the driver's root. */
  readonly root: string;
}
