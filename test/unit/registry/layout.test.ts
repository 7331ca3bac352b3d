import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isRepositoryName,
  isSpareDirectory,
  isTagName,
  keyOf,
  placeOf,
} from '../../../src/registry/layout.ts';

const hex = 'ab'.repeat(32);
const digest = `sha256:${hex}`;
const v2 = 'docker/registry/v2';
const repositories = `${v2}/repositories`;

const digests = fc.oneof(
  fc.stringMatching(/^[0-9a-f]{64}$/).map((text) => `sha256:${text}`),
  fc.stringMatching(/^[0-9a-f]{128}$/).map((text) => `sha512:${text}`),
);
const names = fc
  .array(fc.stringMatching(/^[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?$/), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'));
const tags = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/);

describe('placeOf', () => {
  it('is the inverse of keyOf for every kind of key', () => {
    fc.assert(
      fc.property(names, tags, digests, (repository, tag, of) => {
        expect(placeOf(keyOf.blob(of))).toEqual({ kind: 'blob', digest: of });
        expect(placeOf(keyOf.revision(repository, of))).toEqual({ kind: 'revision', repository, digest: of });
        expect(placeOf(keyOf.layerLink(repository, of))).toEqual({
          kind: 'layer-link',
          repository,
          digest: of,
        });
        expect(placeOf(keyOf.tag(repository, tag))).toEqual({ kind: 'tag', repository, tag });
        expect(placeOf(keyOf.tagHistory(repository, tag, of))).toEqual({
          kind: 'tag-history',
          repository,
          tag,
          digest: of,
        });
      }),
    );
  });

  it('calls every key something and never throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('', `${repositories}/`, `${v2}/blobs/`), (rest, prefix) => {
        expect(placeOf(prefix + rest).kind).toBeTypeOf('string');
      }),
    );
  });

  it('splits nested repositories at their reserved directory', () => {
    expect(placeOf(`${repositories}/team/app/nested/_layers/sha256/${hex}/link`)).toEqual({
      kind: 'layer-link',
      repository: 'team/app/nested',
      digest,
    });
  });

  it.each([
    ['startedat', 'startedat'],
    ['data', 'data'],
    ['hashstates/sha256/0', 'hashstates/sha256/0'],
  ])('knows the file %s of an upload', (path, file) => {
    expect(placeOf(`${repositories}/a/_uploads/0e1f-22/${path}`)).toEqual({
      kind: 'upload',
      repository: 'a',
      upload: '0e1f-22',
      file,
    });
  });

  it('tells a link of the wrong shape from a stray file', () => {
    expect(placeOf(`${repositories}/a/_layers/sha256/beef/link`)).toEqual({
      kind: 'misplaced',
      repository: 'a',
    });
    expect(placeOf(`${repositories}/a/_manifests/tags/bad tag/current/link`).kind).toBe('misplaced');
    expect(placeOf(`${repositories}/a/_manifests/notes.txt`)).toEqual({ kind: 'stray', repository: 'a' });
  });

  it('tells data of the wrong shape under blobs from a stray file', () => {
    expect(placeOf(`${v2}/blobs/foo/data`).kind).toBe('misplaced');
    expect(placeOf(`${v2}/blobs/sha256/cd/${hex}/data`).kind).toBe('misplaced');
    expect(placeOf(`${v2}/blobs/sha256/ab/${hex}/notes`).kind).toBe('stray');
  });

  it('knows the leftovers of a write that was cut off', () => {
    expect(placeOf(`${repositories}/a/_manifests/tags/v1/current/link.7f.tmp`)).toEqual({
      kind: 'temporary',
      repository: 'a',
      area: '_manifests',
    });
  });

  it('refuses repository directories that the collector fails on', () => {
    expect(placeOf(`${repositories}/Upper Case/_layers/sha256/${hex}/link`)).toEqual({
      kind: 'invalid-repository',
      name: 'Upper Case',
      area: '_layers',
    });
  });
});

describe('isRepositoryName', () => {
  it.each(['a', 'team/app', 'a__b', 'a-b--c', 'a.b_c', 'Host.example/app'])('takes %s', (name) => {
    expect(isRepositoryName(name)).toBe(true);
  });

  it.each(['', 'Upper', 'a//b', '/a', 'a/', '-a', 'a_', 'a___b', '_a', 'a b', 'lost+found', 'a'.repeat(256)])(
    'refuses %j',
    (name) => {
      expect(isRepositoryName(name)).toBe(false);
    },
  );
});

describe('isTagName', () => {
  it('knows what a tag may be', () => {
    expect(['latest', '_x', 'v1.0-rc.1', 'a'.repeat(128)].map(isTagName)).toEqual([true, true, true, true]);
    expect(['', '.x', '-x', 'a b', 'a'.repeat(129)].map(isTagName)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('isSpareDirectory', () => {
  it.each([
    `${repositories}/a/_layers/`,
    `${repositories}/a/_manifests/`,
    `${repositories}/a/_manifests/tags/`,
    `${repositories}/a/_manifests/revisions/`,
    `${repositories}/`,
    `${v2}/blobs/`,
    `${repositories}/lost+found/`,
    `${v2}/blobs/lost+found/`,
    'lost+found/',
  ])('keeps %s', (key) => {
    expect(isSpareDirectory(key)).toBe(false);
  });

  it.each([
    `${repositories}/a/`,
    `${repositories}/a/_uploads/`,
    `${repositories}/a/_layers/sha256/${hex}/`,
    `${repositories}/a/_manifests/tags/v1/current/`,
    `${repositories}/a/_manifests/revisions/sha256/`,
    `${v2}/blobs/sha256/ab/`,
    `${v2}/blobs/sha256/ab/${hex}/`,
  ])('lets %s go', (key) => {
    expect(isSpareDirectory(key)).toBe(true);
  });
});
