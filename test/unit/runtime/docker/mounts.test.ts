import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Volume } from '../../../../src/engine/engine.ts';
import {
  hostPathOf,
  isWithin,
  mountAt,
  mountsOf,
  onHost,
  placesOf,
  withHostPaths,
  writableOver,
} from '../../../../src/runtime/docker/mounts.ts';
import { container, mount } from './containers.ts';

describe('a path in a container', () => {
  const mounts = ['data:/var/lib/registry', '/srv/certs:/certs:ro', '/srv/deep:/var/lib/registry/deep'].map(
    mount,
  );

  it('lies in the innermost mount', () => {
    expect(mountAt(mounts, '/var/lib/registry')).toBe(mounts[0]);
    expect(mountAt(mounts, '/var/lib/registry/docker')).toBe(mounts[0]);
    expect(mountAt(mounts, '/var/lib/registry/deep/er')).toBe(mounts[2]);
    expect(mountAt(mounts, '/var/lib/registry-2')).toBeUndefined();
    expect(mountAt(mounts, '/var/lib')).toBeUndefined();
  });

  it('lies on the host where that mount comes from', () => {
    const [data = mount('x:/x')] = mounts;
    expect(onHost(data, '/var/lib/registry')).toBe('/var/lib/docker/volumes/data/_data');
    expect(onHost(data, '/var/lib/registry/a/b')).toBe('/var/lib/docker/volumes/data/_data/a/b');
  });
});

describe('a path of the host', () => {
  it('is seen through the same mount, or one above', () => {
    const mounts = ['/srv:/host', '/srv/registry:/data', '/other:/other'].map(mount);
    expect(placesOf('/srv/registry/v2', mounts).map(({ path }) => path)).toEqual([
      '/data/v2',
      '/host/registry/v2',
    ]);
    expect(placesOf('/srv', mounts).map(({ path }) => path)).toEqual(['/host']);
    expect(placesOf('/srv2', mounts)).toEqual([]);
  });

  it('is seen writable first', () => {
    const mounts = ['/srv/registry:/data:ro', '/srv:/host'].map(mount);
    expect(placesOf('/srv/registry', mounts).map(({ path }) => path)).toEqual(['/host/registry', '/data']);
  });

  it('is not seen where another mount covers it', () => {
    const mounts = ['/srv:/host', '/other:/host/registry'].map(mount);
    expect(placesOf('/srv/registry', mounts)).toEqual([]);
    expect(placesOf('/srv/else', mounts).map(({ path }) => path)).toEqual(['/host/else']);
  });

  it('is written to through a mount of it, above it, or below it', () => {
    for (const source of ['/srv/registry', '/srv', '/', '/srv/registry/docker', '/srv/registry/']) {
      expect(writableOver('/srv/registry', [mount(`${source}:/x`)], [])?.source).toBe(source);
      expect(writableOver('/srv/registry', [mount(`${source}:/x:ro`)], [])).toBeUndefined();
    }
    for (const source of ['/srv/registry-2', '/srv/reg', '/srv/other', '/registry'])
      expect(writableOver('/srv/registry', [mount(`${source}:/x`)], [])).toBeUndefined();
    expect(writableOver('/srv', [{ ...mount('/:/x'), source: '' }], [])).toBeUndefined();
  });

  it('is within itself and what is above it, and in nothing else', () => {
    const name = fc.stringMatching(/^[a-z.-]{1,4}$/).filter((text) => !/^\.+$/.test(text));
    const path = fc.array(name, { maxLength: 4 }).map((names) => `/${names.join('/')}`);
    fc.assert(
      fc.property(path, path, (one, other) => {
        const parts = (of: string): string[] => of.split('/').filter((part) => part !== '');
        const outer = parts(other);
        expect(isWithin(one, other)).toBe(outer.every((part, at) => parts(one)[at] === part));
      }),
    );
  });
});

it('takes a directory of a volume for what is mounted', () => {
  const whole = container('bridge', { mounts: [mount('data:/var/lib/registry'), mount('other:/other')] });
  const Mounts = [
    {
      Type: 'volume',
      Source: 'data',
      Target: '/var/lib/registry/',
      VolumeOptions: { Subpath: 'one/registry' },
    },
    { Type: 'volume', Source: 'other', Target: '/other' },
  ];
  const part = { ...whole, raw: { ...whole.raw, hostConfig: { Mounts } } };
  expect(mountsOf(part).map(({ source }) => source)).toEqual([
    '/var/lib/docker/volumes/data/_data/one/registry',
    '/var/lib/docker/volumes/other/_data',
  ]);
  expect(mountsOf(whole)).toEqual(whole.mounts);
});

describe('a directory under two names', () => {
  const at = (name: string): string => `/var/lib/docker/volumes/${name}/_data`;
  const volume = (name: string, device?: string): Volume => ({ name, mountpoint: at(name), device });
  const volumes = [
    volume('plain'),
    volume('bound', '/srv/registry/'),
    volume('twin', '/srv/registry'),
    volume('inner', `${at('bound')}/v2`),
    volume('nfs', 'nfs:10.0.0.1:/export'),
  ];

  it.each([
    ['a directory', '/srv/registry', '/srv/registry'],
    ['a directory with a slash', '/srv/other/', '/srv/other'],
    ['a volume', at('plain'), at('plain')],
    ['a volume that is a directory', at('bound'), '/srv/registry'],
    ['a path in it', `${at('bound')}/docker/registry`, '/srv/registry/docker/registry'],
    ['what only begins as it does', `${at('bound')}-2`, `${at('bound')}-2`],
    ['what is above it', '/var/lib/docker/volumes/bound', '/var/lib/docker/volumes/bound'],
    ['a volume in a volume', `${at('inner')}/x`, '/srv/registry/v2/x'],
    ['a directory of the network', `${at('nfs')}/x`, 'nfs:10.0.0.1:/export/x'],
  ])('is named after what is mounted there: %s', (_, path, name) => {
    expect(hostPathOf(path, volumes)).toBe(name);
    expect(hostPathOf(name, volumes)).toBe(name);
  });

  it('keeps nobody busy for ever', () => {
    const circle = [volume('one', at('two')), volume('two', at('one'))];
    expect([at('one'), at('two')]).toContain(hostPathOf(at('one'), circle));
  });

  it('is written to under either name, and told under the one that it was mounted by', () => {
    const storage = hostPathOf(at('bound'), volumes);
    for (const source of ['bound', 'twin', 'inner', '/srv/registry', '/srv', at('bound'), at('twin')]) {
      const other = mount(`${source}:/x`);
      expect(writableOver(storage, [other], volumes)).toBe(other);
      expect(writableOver(storage, [mount(`${source}:/x:ro`)], volumes)).toBeUndefined();
    }
    for (const source of ['plain', 'nfs', '/srv/other', at('plain')])
      expect(writableOver(storage, [mount(`${source}:/x`)], volumes)).toBeUndefined();
  });

  it('is written to through a directory in which it is mounted as a volume', () => {
    const engine = mount('/var/lib/docker:/x');
    expect(writableOver('/srv/registry', [engine], volumes)).toBe(engine);
    expect(writableOver('/srv/registry/docker', [engine], volumes)).toBe(engine);
    expect(writableOver('/srv/else', [engine], volumes)).toBeUndefined();
    expect(writableOver('/srv/registry', [engine], [volume('plain')])).toBeUndefined();
  });

  it('is found by one name in a container that mounts it by the other', () => {
    const mounted = { mounts: ['bound:/data', '/srv/else:/else'].map(mount) };
    const [named] = withHostPaths(mounted, volumes).mounts;
    expect(named).toEqual({ ...mount('bound:/data'), source: '/srv/registry' });
    expect(placesOf('/srv/registry/docker', withHostPaths(mounted, volumes).mounts)).toEqual([
      { path: '/data/docker', mount: named },
    ]);
    const nowhere = { mounts: [{ ...mount('/x:/x'), source: '' }] };
    expect(withHostPaths(nowhere, volumes)).toEqual(nowhere);
  });
});
