import { at } from '../layout.ts';
import { type Pushed, pushImage } from '../push.ts';
import type { Scene } from './scene.ts';

/** `mid/app:v1`, and what it was before that. The registry is stopped afterwards. */
export async function overwritten(scene: Scene): Promise<{ readonly old: Pushed; readonly now: Pushed }> {
  const old = await pushImage(scene.url, 'mid/app', 'v1', { seed: 'old' });
  const now = await pushImage(scene.url, 'mid/app', 'v1', { seed: 'now' });
  await scene.offline();
  return { old, now };
}

/** How a message may name what is wrong with something that a tag needs: by its digest, or by the tag. */
export function named(repository: string, tag: string, digest: string): readonly string[] {
  return [hex(digest), `${repository}:${tag}`, at.current(repository, tag)];
}

/** The hex part of a digest, which is in every path of it. */
export function hex(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}
