import { openEngine } from '../../../src/docker.ts';
import { needEngineAddress } from '../../../src/engine/address.ts';
import type { Container, Engine } from '../../../src/engine/engine.ts';
import { type Inspection, inspect } from '../../../src/runtime/docker/inspect.ts';
import type { DockerRuntimeOptions } from '../../../src/runtime/docker/options.ts';
import { type RegistryContainer, type RegistryContainerOptions, Scene } from '../support/scene.ts';

/** Makes a container the live registry, wherever it is. */
export const labelled = ['--label', 'registry-cleanup.role=live'] as const;

/** A scene whose containers make a Compose project, and someone who looks at it. */
export class Stage implements AsyncDisposable {
  readonly scene: Scene;
  readonly engine: Engine;

  private constructor(scene: Scene) {
    this.scene = scene;
    this.engine = openEngine(needEngineAddress(process.env));
  }

  static async open(): Promise<Stage> {
    return new Stage(await Scene.open());
  }

  get project(): string {
    return this.scene.id;
  }

  /** Flags that make a container the one of a service of the project. */
  service(name: string, oneOff = false): readonly string[] {
    return [
      ...['--label', `com.docker.compose.project=${this.project}`],
      ...['--label', `com.docker.compose.service=${name}`],
      ...['--label', `com.docker.compose.oneoff=${oneOff ? 'True' : 'False'}`],
    ];
  }

  /** The service `registry` of the project, unless `service` names another. */
  registry(
    options: RegistryContainerOptions & { readonly service?: string } = {},
  ): Promise<RegistryContainer> {
    const { service = 'registry', flags = [], ...rest } = options;
    return this.scene.registry({ ...rest, flags: [...this.service(service), ...flags] });
  }

  /** A container that does nothing. Returns its id. */
  idle(name: string, ...flags: readonly string[]): Promise<string> {
    return this.scene.run(`${this.scene.id}-${name}`, ...flags, 'busybox', 'sleep', '1000');
  }

  /**
   * Looks from the host, as one who said which project is meant; with `self`, as if from within that container. Options
   * are those of a run with a stand-in.
   */
  async look(
    options: Partial<DockerRuntimeOptions> & { readonly self?: string; readonly engine?: Engine } = {},
  ): Promise<Inspection> {
    const { self, engine = this.engine, ...rest } = options;
    const whole: DockerRuntimeOptions = {
      hasAuth: false,
      standIn: true,
      startTimeoutMs: 10_000,
      writes: true,
      env: self === undefined ? { COMPOSE_PROJECT_NAME: this.project } : {},
      ...rest,
    };
    const findSelf = async (): Promise<Container | undefined> =>
      self === undefined ? undefined : engine.inspect(self);
    return inspect(whole, engine, new AbortController().signal, findSelf);
  }

  async refusals(options: Parameters<Stage['look']>[0] = {}): Promise<readonly string[]> {
    return (await this.look(options)).state.refusals;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.close();
    await this.scene[Symbol.asyncDispose]();
  }
}
