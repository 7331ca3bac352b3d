import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at } from './layout.ts';
import { type Pushed, pushImage } from './push.ts';
import type { TestRegistry } from './registry.ts';
import { diff, type Snapshot, snapshot } from './tree.ts';

/** Two tags, and two manifests that nobody needs any more; of the tags, one shares a layer with what goes. */
export interface Superseded {
  readonly doomed: Pushed;
  readonly kept: Pushed;
  readonly before: Snapshot;
}

export async function superseded(registry: TestRegistry): Promise<Superseded> {
  const { pushUrl } = registry;
  const doomed = await pushImage(pushUrl, 'team/app', 'latest', { seed: 'one' });
  await pushImage(pushUrl, 'team/app', 'latest', { seed: 'two' });
  const kept = await pushImage(pushUrl, 'team/app', 'latest', { seed: 'three' });
  await pushImage(pushUrl, 'other', 'v1', { seed: 'four' });
  return { doomed, kept, before: snapshot(registry.root) };
}

/**
 * What is different from before, to the byte. The one thing that an upload which was begun and taken back may leave is
 * the time of the directory that its repository was in.
 */
export function changesSince(registry: TestRegistry, { before }: Superseded): readonly string[] {
  return diff(before, snapshot(registry.root))
    .filter(
      ({ path, change, what }) =>
        path !== at.repositories || change !== 'changed' || !/^time [^,]*$/.test(what),
    )
    .map(({ path, change, what }) => `${path} ${change} ${what}`.trim());
}

/** Whether it is the registry's own init script that started what serves now: that is what can be stopped again. */
export function isUnderItsScript(registry: TestRegistry): boolean {
  const pid = Number(readFileSync(join(registry.directory, 'pid'), 'utf8'));
  return registry.pid === pid;
}
