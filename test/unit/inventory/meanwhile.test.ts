import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { Inventory } from '../../../src/inventory/inventory.ts';
import { readInventory } from '../../../src/inventory/read.ts';
import { openStorage } from '../../../src/storage/open.ts';
import { dumpOf } from '../../support/inventory-dump.ts';
import { at, digestOf } from '../../support/layout.ts';
import { manyLinks } from './many-links.ts';

/** Pushes one image after the other, as a registry of the 3.x line writes it, and deletes others whole. */
const pusher = `
const fs = require('node:fs');
const { createHash } = require('node:crypto');
const { dirname } = require('node:path');
const { workerData: { root }, parentPort } = require('node:worker_threads');
const v2 = root + '/docker/registry/v2/';
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
function put(key, text) {
  const path = v2 + key;
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(path + '.0.tmp', text);
  fs.renameSync(path + '.0.tmp', path);
}
function blob(text) {
  const hex = sha256(text);
  put('blobs/sha256/' + hex.slice(0, 2) + '/' + hex + '/data', text);
  return hex;
}
function layer(name, text) {
  const hex = blob(text);
  put('repositories/' + name + '/_layers/sha256/' + hex + '/link', 'sha256:' + hex);
  return { mediaType: 'application/octet-stream', digest: 'sha256:' + hex, size: text.length };
}
function push(name, tag, number) {
  const config = layer(name, 'config ' + number);
  const layers = [layer(name, 'layer ' + number), layer(name, 'layer ' + number % 5)];
  const hex = blob(JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers }));
  const manifests = 'repositories/' + name + '/_manifests/';
  put(manifests + 'revisions/sha256/' + hex + '/link', 'sha256:' + hex);
  put(manifests + 'tags/' + tag + '/index/sha256/' + hex + '/link', 'sha256:' + hex);
  put(manifests + 'tags/' + tag + '/current/link', 'sha256:' + hex);
}
for (let number = 0; ; number++) {
  push('busy/' + number % 3, 'v' + number % 20, number);
  push('passing', 'v' + number % 20, number);
  if (number === 0) parentPort.postMessage('pushed');
  if (number % 10 === 9) fs.rmSync(v2 + 'repositories/passing', { recursive: true });
}
`;

describe('an image that is pushed while its repository is read', () => {
  it.each([true, false])(
    'is whole, or not there: links and blobs that came late are found (thorough: %s)',
    async (thorough) => {
      const root = mkdtempSync(join(tmpdir(), 'registry-cleanup-meanwhile-'));
      const put = (key: string, content: string): void => {
        mkdirSync(join(root, key, '..'), { recursive: true });
        writeFileSync(join(root, key), content);
      };
      const layer = (content: string): object => {
        const digest = digestOf(Buffer.from(content));
        put(at.blob(digest), content);
        put(at.layer('app', digest), digest);
        return { mediaType: 'application/octet-stream', digest, size: content.length };
      };
      const push = (content: string, tags: readonly string[]): string => {
        const mediaType = 'application/vnd.oci.image.manifest.v1+json';
        const manifest = { schemaVersion: 2, mediaType, config: layer('{}'), layers: [layer(content)] };
        const text = JSON.stringify(manifest);
        const digest = digestOf(Buffer.from(text));
        put(at.blob(digest), text);
        put(at.revision('app', digest), digest);
        for (const tag of tags) put(at.current('app', tag), digest);
        return digest;
      };
      push('early', ['v1', 'v2', 'v3']);
      const reader = await openStorage({ driver: 'filesystem', root });
      let late = '';
      const inventory = await readInventory(reader, {
        thorough,
        // Names of tags are listed first, with all else, and tags are read after that.
        sharing: { threads: 0, splitAt: 2 },
        onProgress: () => {
          late ||= push('late', ['v1', 'v2', 'v3']);
        },
      });
      expect(inventory.repository('app')?.tags.map(({ target }) => inventory.digest(target))).toEqual([
        late,
        late,
        late,
      ]);
      expect(broken(inventory, 'app', 2)).toEqual([]);
      rmSync(root, { recursive: true });
    },
  );
});

describe('while images are pushed and deleted', () => {
  it.each([
    { threads: 0, thorough: true, readings: 4 },
    { threads: 0, thorough: false, readings: 4 },
    { threads: 2, thorough: true, readings: 1 },
    { threads: 2, thorough: false, readings: 1 },
  ])(
    'a reading fails at nothing, and every tag that it tells is whole: %j',
    async ({ threads, thorough, readings }) => {
      const root = mkdtempSync(join(tmpdir(), 'registry-cleanup-meanwhile-'));
      mkdirSync(join(root, at.blobs), { recursive: true });
      manyLinks(root, { repositories: 3, links: 20 });
      const reader = await openStorage({ driver: 'filesystem', root });
      const worker = new Worker(pusher, { eval: true, workerData: { root } });
      try {
        await once(worker, 'message');
        let hasChanged = false;
        for (let reading = 0; reading < readings || !hasChanged; reading++) {
          const inventory = await readInventory(reader, { thorough, sharing: { threads, splitAt: 15 } });
          for (const name of ['r0', 'r1', 'r2']) {
            expect(inventory.repository(name)?.layerLinkCount).toBe(20);
          }
          expect(broken(inventory)).toEqual([]);
          const known = await readInventory(reader, {
            thorough,
            known: inventory,
            sharing: { threads, splitAt: 15 },
          });
          expect(broken(known)).toEqual([]);
          hasChanged ||= !isDeepStrictEqual(dumpOf(known), dumpOf(inventory));
        }
      } finally {
        await worker.terminate();
        rmSync(root, { recursive: true });
      }
    },
  );
});

/** What is wrong with tags of repositories that are pushed to alone. */
function broken(inventory: Inventory, prefix = 'busy/', blobs = 3): string[] {
  const wrong = inventory.oddities
    .filter(
      ({ kind, key }) => kind !== 'temporary' && kind !== 'tag-without-current' && !key.includes('/passing/'),
    )
    .map(({ kind, key }) => `${kind} ${key}`);
  for (const repository of inventory.repositories.filter(({ name }) => name.startsWith(prefix))) {
    const linked = new Set<number>();
    inventory.eachLayerLink(repository, (path) => linked.add(path));
    for (const { name, target } of repository.tags) {
      const manifest = inventory.manifest(target);
      const isWhole =
        inventory.hasRevision(repository, target) &&
        manifest?.state === 'ok' &&
        manifest.blobs.length === blobs &&
        manifest.blobs.every((blob) => inventory.hasBlob(blob) && linked.has(blob));
      if (!isWhole) wrong.push(`${repository.name}:${name}`);
    }
  }
  return wrong;
}
