import type { Inventory, Manifest, Repository } from '../../src/inventory/inventory.ts';

/** Everything that an inventory tells, by digests and in an order of its own: what two readings can be compared by. */
export function dumpOf(inventory: Inventory): object {
  const blobs: string[] = [];
  inventory.eachBlob((id, size, modified) => {
    const digest = inventory.digest(id);
    blobs.push(`${digest} ${size} ${modified}`);
    const found = inventory.find(digest);
    if (found !== id || !inventory.hasBlob(id)) blobs.push(`${digest} is found as ${found}`);
    if (inventory.blobSize(id) !== size || inventory.blobModified(id) !== modified)
      blobs.push(`${digest} differs when asked for`);
  });
  return {
    counts: inventory.counts,
    repositories: Object.fromEntries(
      inventory.repositories
        .map((repository) => [repository.name, repositoryOf(inventory, repository)] as const)
        .sort(([one], [other]) => (one < other ? -1 : 1)),
    ),
    blobs: blobs.sort(),
    manifests: manifestsOf(inventory),
    oddities: inventory.oddities.map(({ kind, key, detail }) => `${kind} ${key}: ${detail}`).sort(),
    emptyDirectories: [...inventory.emptyDirectories].sort(),
  };
}

function repositoryOf(inventory: Inventory, repository: Repository): object {
  const { directories, tags, uploads, revisionCount, layerLinkCount } = repository;
  const revisions: string[] = [];
  inventory.eachRevision(repository, (id, modified) => {
    revisions.push(`${inventory.digest(id)} ${modified} ${inventory.hasRevision(repository, id)}`);
  });
  const layers: string[] = [];
  inventory.eachLayerLink(repository, (path, target, modified) => {
    layers.push(`${inventory.digest(path)} → ${inventory.digest(target)} ${modified}`);
  });
  const history: string[] = [];
  inventory.eachHistory(repository, (tag, id, modified) => {
    history.push(`${tag} ${inventory.digest(id)} ${modified}`);
  });
  return {
    directories: [...directories].sort(),
    tags: tags.map(({ name, target, modified }) => `${name} ${inventory.digest(target)} ${modified}`).sort(),
    uploads: uploads.map((upload) => JSON.stringify(upload)).sort(),
    revisions: revisions.sort(),
    layers: layers.sort(),
    history: history.sort(),
    counted: [revisionCount, layerLinkCount],
  };
}

function manifestsOf(inventory: Inventory): Record<string, unknown> {
  const told: [string, unknown][] = [];
  for (let id = 0; id < inventory.digestCount; id++) {
    const manifest = inventory.manifest(id);
    if (manifest !== undefined) told.push([inventory.digest(id), inDigests(inventory, manifest)]);
  }
  return Object.fromEntries(told.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function inDigests(inventory: Inventory, manifest: Manifest): unknown {
  if (manifest.state !== 'ok') return manifest;
  const { children, blobs, foreign, subject, wrongSizes } = manifest;
  const digests = (ids: Int32Array): string[] => Array.from(ids, (id) => inventory.digest(id));
  return {
    ...manifest,
    children: digests(children),
    blobs: digests(blobs),
    foreign: digests(foreign),
    subject: subject === -1 ? undefined : inventory.digest(subject),
    wrongSizes: wrongSizes.map(({ blob, said, whole }) => [inventory.digest(blob), said, whole]),
  };
}
