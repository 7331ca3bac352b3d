import type { Built, LayerFacts, Store } from '../../../src/noise/manifest.ts';
import { makeLayer } from '../../../src/noise/push-store.ts';
import { digestOf } from '../../../src/registry/digest.ts';

export interface MemoryStore extends Store {
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  readonly manifests: ReadonlyMap<string, Built>;
}

/** A repository in memory, which refuses nothing. */
export function memoryStore(seed = 'test'): MemoryStore {
  const blobs = new Map<string, Uint8Array>();
  const manifests = new Map<string, Built>();
  return {
    blobs,
    manifests,
    async layer(design): Promise<LayerFacts> {
      const { bytes, facts } = makeLayer(seed, design);
      blobs.set(facts.digest, bytes);
      return facts;
    },
    async blob(bytes) {
      blobs.set(digestOf(bytes), bytes);
    },
    async manifest(manifest) {
      manifests.set(manifest.digest, manifest);
    },
  };
}
