import { expect } from 'vitest';
import { leftBehind, standing } from './docker.ts';
import { expectOpen, expectWhole, fill, type Held } from './images.ts';
import type { RegistryContainer, Scene } from './scene.ts';

/** A registry with something to clean, and all that must be the same afterwards. */
export interface Setting {
  readonly registry: RegistryContainer;
  readonly held: Held;
  readonly before: unknown;
  /** What a user makes of the registry's address. */
  readonly through: (url: string) => string;
}

/** What the document of a run says that cleaned it. */
export const cleaned = { outcome: 'ok', exitCode: 0, removed: { manifests: 4 } } as const;

export async function settingOf(
  registry: RegistryContainer,
  through = (url: string): string => url,
): Promise<Setting> {
  const held = await fill(through(registry.url));
  return { registry, held, before: await standing(registry.name), through };
}

/** Fails unless the registry is as it was, serves all that it must, and takes pushes: where it stands, and at `urls`. */
export async function expectRestored(
  scene: Scene,
  { registry, held, before, through }: Setting,
  urls: readonly string[] = [],
): Promise<void> {
  expect(await standing(registry.name)).toEqual(before);
  expect(await leftBehind(registry)).toEqual([]);
  for (const url of [await scene.urlOf(registry.name), ...urls]) {
    await expectWhole(through(url), held);
    await expectOpen(through(url));
  }
}
