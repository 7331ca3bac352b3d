import type { Client } from '../registry/client.ts';
import { type Digest, digestOf } from '../registry/digest.ts';
import { gzipStored, tar } from './archive.ts';
import type { LayerDesign } from './design.ts';
import { limit } from './limit.ts';
import type { Built, LayerFacts, Store } from './manifest.ts';
import { randomBytes } from './random.ts';

/** What was sent so far. */
export interface Pushed {
  readonly repositories: number;
  /** Distinct ones, those of referrers included. */
  readonly tags: number;
  /** A manifest counts once in each repository that has it. */
  readonly manifests: number;
  /** Blobs that were uploaded: neither there already nor mounted from another repository. */
  readonly blobs: number;
  /** Of blobs and manifests that were sent. */
  readonly bytes: number;
}

/** A registry to push to. Knows what it sent, so that a layer goes over the wire once. */
export interface PushStore {
  store(repository: string): Store;
  tag(repository: string, tag: string, manifest: Built): Promise<void>;
  pushed(): Pushed;
}

/** Content of every layer follows from `seed`. At most `concurrency` blobs are in memory. */
export function createPushStore(client: Client, seed: string, concurrency: number): PushStore {
  const slot = limit(concurrency);
  const homes = new Map<string, { repository: string; facts: Promise<LayerFacts> }>();
  const layers = new Map<string, Promise<LayerFacts>>();
  const blobs = new Map<string, Promise<void>>();
  const repositories = new Set<string>();
  const tags = new Set<string>();
  const manifests = new Set<string>();
  let uploads = 0;
  let bytesSent = 0;

  function store(repository: string): Store {
    return {
      layer: (design) => once(layers, `${repository} ${design.id}`, () => pushLayer(repository, design)),
      blob: (bytes) =>
        once(blobs, `${repository} ${digestOf(bytes)}`, () => slot(() => pushBlob(repository, bytes))),
      manifest: (manifest) => slot(() => putManifest(repository, manifest.digest, manifest)),
    };
  }

  async function pushLayer(repository: string, design: LayerDesign): Promise<LayerFacts> {
    const home = homes.get(design.id);
    const uploadFrom = (mountFrom?: string) =>
      slot(async () => {
        const { bytes, facts } = makeLayer(seed, design);
        await pushBlob(repository, bytes, mountFrom);
        return facts;
      });
    if (home === undefined) {
      const facts = uploadFrom();
      homes.set(design.id, { repository, facts });
      return facts;
    }
    await home.facts;
    return uploadFrom(home.repository);
  }

  async function pushBlob(repository: string, bytes: Uint8Array, mountFrom?: string): Promise<void> {
    const { how } = await client.pushBlob(repository, bytes, mountFrom === undefined ? {} : { mountFrom });
    if (how !== 'uploaded') return;
    uploads++;
    bytesSent += bytes.length;
  }

  async function putManifest(repository: string, reference: string, manifest: Built): Promise<void> {
    await client.putManifest(repository, reference, manifest);
    repositories.add(repository);
    manifests.add(`${repository} ${manifest.digest}`);
    bytesSent += manifest.bytes.length;
  }

  async function tag(repository: string, name: string, manifest: Built): Promise<void> {
    await slot(() => putManifest(repository, name, manifest));
    tags.add(`${repository} ${name}`);
  }

  function pushed(): Pushed {
    return {
      repositories: repositories.size,
      tags: tags.size,
      manifests: manifests.size,
      blobs: uploads,
      bytes: bytesSent,
    };
  }

  return { store, tag, pushed };
}

/** A layer as a builder makes it: a compressed archive with one file of random bytes. */
export function makeLayer(seed: string, { id, size }: LayerDesign): { bytes: Uint8Array; facts: LayerFacts } {
  const content = randomBytes(`${seed} layer ${id}`, size);
  const archive = tar([{ name: `noise-${id}`, content, modified: 0 }]);
  const bytes = gzipStored(archive);
  const diffId: Digest = digestOf(archive);
  return { bytes, facts: { digest: digestOf(bytes), size: bytes.length, diffId } };
}

/** The running or finished work under `key`, begun if there is none. */
function once<T>(running: Map<string, Promise<T>>, key: string, begin: () => Promise<T>): Promise<T> {
  const work = running.get(key) ?? begin();
  running.set(key, work);
  return work;
}
