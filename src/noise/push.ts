import type { Client } from '../registry/client.ts';
import { build } from './build.ts';
import type { PushDesign } from './design.ts';
import { createPushStore, type Pushed } from './push-store.ts';
import { buildReferrers } from './referrers.ts';

export interface PushProgress {
  readonly done: number;
  readonly total: number;
  /** Sent so far. */
  readonly bytes: number;
}

const requestsAtOnce = 8;
const pushesAtOnce = 4;

/**
 * Pushes a design. Pushes overlap, but those to the same tag take it in their order, so that the same design
 * leaves the same tags. Errors are the client's; after the first one nothing new is begun.
 */
export async function pushNoise(
  design: readonly PushDesign[],
  options: {
    readonly client: Client;
    readonly seed: string;
    readonly onProgress?: (progress: PushProgress) => void;
  },
): Promise<Pushed> {
  const target = createPushStore(options.client, options.seed, requestsAtOnce);
  const tagged = new Map<string, Promise<void>>();
  let done = 0;
  let failed = false;

  async function push({ repository, tag, content, referrer }: PushDesign): Promise<void> {
    const key = `${repository}:${tag}`;
    const before = tagged.get(key);
    const turn = Promise.withResolvers<void>();
    tagged.set(key, turn.promise);
    try {
      const store = target.store(repository);
      const built = await build(content, store);
      await before;
      if (failed) return;
      await target.tag(repository, tag, built);
      turn.resolve();
      for (const { manifest, tag: own } of referrer === undefined
        ? []
        : await buildReferrers(referrer, built, store)) {
        await (own === undefined ? store.manifest(manifest) : target.tag(repository, own, manifest));
      }
    } finally {
      turn.resolve(); // Whoever waits for this tag sees by `failed` that it is over.
    }
    done++;
    options.onProgress?.({ done, total: design.length, bytes: target.pushed().bytes });
  }

  const queue = design.values();
  async function worker(): Promise<void> {
    for (const next of queue) {
      if (failed) return;
      try {
        await push(next);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: pushesAtOnce }, worker));
  const broken = ended.find((outcome) => outcome.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
  return target.pushed();
}
