import { expect } from 'vitest';
import { diff, type Snapshot, snapshot } from '../../support/tree.ts';
import { inspected, leftBehind, standing } from './docker.ts';
import type { RegistryContainer } from './scene.ts';

/** Everything of a registry that must be the same where a run touches nothing. */
export interface Sight {
  readonly standing: unknown;
  /** Another time: it was restarted. */
  readonly startedAt: string | undefined;
  readonly status: string | undefined;
  /** Its storage, with what a run would keep there. */
  readonly tree: Snapshot;
}

export async function lookAt({ name, root }: RegistryContainer): Promise<Sight> {
  const { StartedAt, Status } = (await inspected(name))?.State ?? {};
  const tree = snapshot(root, { ignoreState: false });
  return { standing: await standing(name), startedAt: StartedAt, status: Status, tree };
}

/** Fails unless all is as it was `before`, to the byte, and nothing was left behind. */
export async function expectLeftAlone(registry: RegistryContainer, before: Sight): Promise<void> {
  const { tree, ...container } = await lookAt(registry);
  const { tree: treeBefore, ...containerBefore } = before;
  expect(container).toEqual(containerBefore);
  expect(diff(treeBefore, tree)).toEqual([]);
  expect(await leftBehind(registry)).toEqual([]);
}
