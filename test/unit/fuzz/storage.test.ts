import { resolve } from 'node:path';
import { describe, expect } from 'vitest';
import { readLink, startedAt } from '../../../src/inventory/read-link.ts';
import { parseDigest } from '../../../src/registry/digest.ts';
import { isSpareDirectory, keyOf, type Place, placeOf } from '../../../src/registry/layout.ts';
import { isCacheKey } from '../../../src/registry/redis-keys.ts';
import { fileKeyProblem, keyProblem, prefixProblem } from '../../../src/storage/key.ts';
import { memoryStorage } from '../../../src/storage/memory.ts';
import { isRawName, nameOfBytes } from '../../../src/storage/raw-name.ts';
import { damaged, fuzz } from '../../support/fuzz.ts';
import { now } from '../../support/memory-registry.ts';

const sha256 = `sha256:${'0123456789abcdef'.repeat(4)}`;
const sha512 = `sha512:${'0123456789abcdef'.repeat(8)}`;
const hex = sha256.slice('sha256:'.length);
const base = 'docker/registry/v2';
const repository = `${base}/repositories/team/app-1`;
const keys = [
  `${base}/blobs/sha256/01/${hex}/data`,
  `${base}/blobs/sha512/01/${sha512.slice(7)}/data`,
  `${repository}/_layers/sha256/${hex}/link`,
  `${repository}/_manifests/revisions/sha256/${hex}/link`,
  `${repository}/_manifests/tags/v1.0/current/link`,
  `${repository}/_manifests/tags/v1.0/index/sha256/${hex}/link`,
  `${repository}/_uploads/0b4c5c0e-5f3c-4f7a-9d6e-2f8b3e1a7c55/data`,
  `${repository}/_uploads/0b4c5c0e-5f3c-4f7a-9d6e-2f8b3e1a7c55/hashstates/sha256/0`,
  `${repository}/_manifests/tags/`,
  `${base}/repositories/`,
];

/** Digests as a registry takes them, told another way than src does. */
function isReallyDigest(text: string): boolean {
  const [algorithm, digits = '', ...more] = text.split(':');
  const length = { sha256: 64, sha384: 96, sha512: 128 }[algorithm ?? ''];
  return (
    more.length === 0 &&
    length === digits.length &&
    [...digits].every((digit) => '0123456789abcdef'.includes(digit))
  );
}

/** The one key that a place stands for; undefined where it does not stand for one. */
function keyOfPlace(place: Place): string | undefined {
  switch (place.kind) {
    case 'blob':
      return keyOf.blob(place.digest);
    case 'revision':
      return keyOf.revision(place.repository, place.digest);
    case 'layer-link':
      return keyOf.layerLink(place.repository, place.digest);
    case 'tag':
      return keyOf.tag(place.repository, place.tag);
    case 'tag-history':
      return keyOf.tagHistory(place.repository, place.tag, place.digest);
    case 'upload':
      return `${keyOf.upload(place.repository, place.upload)}${place.file}`;
    default:
      return undefined;
  }
}

describe('the storage', () => {
  fuzz(
    'any key is something, and what it is has this key and no other',
    { usual: 18_000 },
    damaged(keys),
    (bytes) => {
      const key = bytes.toString();
      const again = keyOfPlace(placeOf(key));
      if (again !== undefined) expect(again).toBe(key);
    },
  );

  fuzz(
    'a directory that a registry needs is never spare',
    { usual: 6_000 },
    damaged(keys.map((key) => key.replace(/[^/]*$/, ''))),
    (bytes) => {
      const key = bytes.toString();
      if (!isSpareDirectory(key)) return;
      expect(key).toMatch(/^docker\/registry\/v2\/(?:repositories|blobs)\/.+\/$/s);
      expect(key).not.toMatch(/\/(?:_layers|_manifests|_manifests\/tags|_manifests\/revisions)\/$/);
    },
  );

  fuzz(
    'no key that is taken leads out of the root',
    { usual: 12_000 },
    damaged([...keys, 'a/../b', './x', 'x/..']),
    (bytes) => {
      for (const key of [bytes.toString(), nameOfBytes(bytes)]) {
        const root = '/some/where';
        if (keyProblem(key) === undefined) {
          const path = resolve(root, key);
          expect(`${path}${key.endsWith('/') ? '/' : ''}`).toBe(`${root}/${key}`);
          expect(key).not.toContain('\0');
        }
        if (fileKeyProblem(key) === undefined) expect(key.endsWith('/')).toBe(false);
        if (key !== '' && prefixProblem(key) === undefined) expect(key.endsWith('/')).toBe(true);
      }
    },
  );

  fuzz(
    'a name that is not UTF-8 is shown in ASCII, and can be no other name',
    { usual: 5_000 },
    damaged(keys),
    (bytes) => {
      const name = nameOfBytes(bytes);
      if (Buffer.from(name).equals(bytes)) return;
      expect(isRawName(name)).toBe(true);
      expect(name).toMatch(/^[ -~]*\0$/);
      expect(keyProblem(name)).toBeDefined();
      const back = name
        .slice(0, -1)
        .replaceAll(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
      expect(Buffer.from(back, 'latin1')).toEqual(bytes);
    },
  );

  fuzz(
    'a link is the digest that it is to the letter, or wrong',
    { usual: 12_000 },
    damaged([sha256, sha512, `${sha256}\n`]),
    async (bytes) => {
      const storage = memoryStorage(() => now);
      storage.put('x', bytes, now);
      const found = await readLink(storage, 'x');
      const text = bytes.toString('latin1');
      if (isReallyDigest(text)) expect(found).toBe(text);
      else expect(found).toEqual({ wrong: expect.stringMatching(/^[^\n]{1,600}$/) });
      expect(parseDigest(text) !== undefined).toBe(isReallyDigest(text));
    },
  );

  fuzz(
    'an upload began at a time, or nobody knows when',
    { usual: 4_000 },
    damaged(['2025-12-24T18:00:00Z', '2025-12-24T18:00:00.123456789+01:00']),
    async (bytes) => {
      const storage = memoryStorage(() => now);
      storage.put('x', bytes, now);
      const time = await startedAt(storage, 'x');
      expect(time === undefined || Number.isFinite(time)).toBe(true);
    },
  );

  fuzz(
    "keys of others in Redis are never taken for the registry's",
    { usual: 8_000 },
    damaged([
      `blobs::${sha256}`,
      'repository::team/app-1::blobs',
      `repository::team/app-1::blobs::${sha512}`,
    ]),
    (bytes) => {
      const key = bytes.toString();
      if (!isCacheKey(key)) return;
      const parts = key.split('::');
      const digest = parts.length === 2 ? parts[1] : parts[3];
      expect(parts[0]).toBe(parts.length === 2 ? 'blobs' : 'repository');
      if (digest !== undefined) expect(isReallyDigest(digest)).toBe(true);
      if (parts.length > 2) expect([parts[2], /^[\w./-]+$/.test(parts[1] ?? '')]).toEqual(['blobs', true]);
    },
  );
});
