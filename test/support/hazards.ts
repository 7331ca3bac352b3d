import type { Major } from './binary.ts';
import { blobs } from './hazards/blobs.ts';
import {
  type Built,
  type Expectation,
  forMajor,
  type Hazard,
  type Told,
  type Verdict,
} from './hazards/hazard.ts';
import { leftovers } from './hazards/leftovers.ts';
import { links } from './hazards/links.ts';
import { manifests } from './hazards/manifests.ts';
import { places } from './hazards/places.ts';
import { references } from './hazards/references.ts';
import { sceneOf } from './hazards/scene.ts';
import { pushImage } from './push.ts';
import { type RegistryOptions, startRegistry, type TestRegistry } from './registry.ts';

export type { Hazard, Told, Verdict } from './hazards/hazard.ts';

/** Storages as they are met in the field. For `describe.each(hazardsFor(registryBinary().major))('$id', …)`. */
export const hazards: readonly Hazard[] = [
  ...references,
  ...links,
  ...manifests,
  ...blobs,
  ...places,
  ...leftovers,
];

/** Those that a registry of this major can be made to hold. */
export function hazardsFor(major: Major): readonly Hazard[] {
  return hazards.filter((hazard) => hazard.majors?.includes(major) ?? true);
}

/** A hazard, made on a real registry's tree (`names`, `goes`, `stays`: see `Built`). Disposing leaves nothing behind. */
export interface Stage extends AsyncDisposable, Required<Omit<Built, 'place'>>, Pick<Built, 'place'> {
  /** Stopped, unless `leave: 'running'` was asked for. */
  readonly registry: TestRegistry;
  readonly expect: Expectation;
  readonly check: readonly Told[];
  readonly collector: Verdict;
  /** What `--delete-untagged` does, where that was found out. */
  readonly deleteUntagged: Verdict | undefined;
}

export interface StageOptions extends Pick<RegistryOptions, 'binary' | 'env' | 'auth' | 'config'> {
  readonly leave?: 'stopped' | 'running';
}

/**
 * Makes `hazard`, between two healthy repositories that have something to clean: one sorts before it and one after,
 * so that whoever stops half way through shows.
 */
export async function stage(hazard: Hazard, options: StageOptions = {}): Promise<Stage> {
  const registry = await startRegistry({ ...options, config: { ...hazard.config, ...options.config } });
  try {
    if (hazard.alone !== true) await healthy(registry.pushUrl);
    const built = await hazard.build(sceneOf(registry));
    await (options.leave === 'running' ? registry.start() : registry.stop());
    return {
      registry,
      expect: forMajor(hazard.expect, registry.major),
      check: forMajor<readonly Told[]>(hazard.check, registry.major),
      place: built.place,
      collector: forMajor(hazard.collector, registry.major),
      deleteUntagged: hazard.deleteUntagged && forMajor(hazard.deleteUntagged, registry.major),
      names: built.names ?? [],
      goes: built.goes ?? [],
      stays: built.stays ?? [],
      [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
    };
  } catch (thrown) {
    await registry[Symbol.asyncDispose]();
    throw thrown;
  }
}

async function healthy(url: string): Promise<void> {
  await pushImage(url, 'alpha/app', 'v1', { seed: 'alpha old' });
  await pushImage(url, 'alpha/app', 'v1', { seed: 'alpha' });
  await pushImage(url, 'zulu/app', 'v1', { seed: 'zulu old' });
  await pushImage(url, 'zulu/app', 'v1', { seed: 'zulu', dialect: 'docker' });
}
