import { describe, expect, it } from 'vitest';
import { type RightsSurroundings, rightsTexts } from '../../../src/commands/rights.ts';
import type { Denial, Who } from '../../../src/storage/rights.ts';

const somebody: Who = { uid: 2000, gid: 2001, overridesRights: false, overridesSticky: false };
const root: Who = { uid: 0, gid: 0, overridesRights: true, overridesSticky: true };
const weakRoot: Who = { ...root, overridesRights: false, overridesSticky: false };

const blob: Denial = {
  kind: 'blobs',
  path: '/data/docker/registry/v2/blobs/sha256/ab',
  deed: 'write',
  because: 'rights',
  owner: { uid: 1000, gid: 1001 },
  mode: 0o755,
};
const sticky: Denial = { ...blob, kind: 'tags', path: '/data/tags', because: 'sticky', mode: 0o1777 };

const inside: RightsSurroundings = { root: '/data', container: true, socket: undefined };
const outside: RightsSurroundings = { ...inside, container: false };
const socket = { path: '/var/run/docker.sock', uid: 0, gid: 998, mode: 0o140660 };

function texts(who: Who, denials: readonly Denial[], surroundings = inside): readonly string[] {
  return rightsTexts({ who, denials }, surroundings);
}

describe('what is denied', () => {
  it('is nothing where nothing is', () => {
    expect(texts(somebody, [])).toEqual([]);
  });

  it('is told with one example for each kind, its owner and its mode', () => {
    const link: Denial = { ...blob, kind: 'revisions', path: '/data/rev/link', deed: 'read', mode: 0o600 };
    const denials = [link, { ...link, path: '/data/other' }, blob, { ...blob, path: '/data/blobs/2' }];
    expect(texts(somebody, denials).slice(0, -1)).toEqual([
      '/data/rev/link (revisions): no right to read it; it belongs to 1000:1001, mode 600.',
      '/data/docker/registry/v2/blobs/sha256/ab (blobs): no right to change what is in it; it belongs to 1000:1001, mode 755.',
    ]);
  });

  it('is told once where one place denies several kinds', () => {
    const both = [blob, { ...blob, kind: 'tags' }];
    expect(texts(somebody, both).filter((text) => text.startsWith(blob.path))).toHaveLength(1);
  });

  it('is told as what it is: a read-only mount and an attribute are no matter of users', () => {
    const denials = [
      { ...blob, because: 'read-only' as const },
      { ...blob, kind: 'state', path: '/data', because: 'immutable' as const },
    ];
    expect(texts(somebody, denials)).toEqual([
      `${blob.path} (blobs): it is mounted read-only.`,
      "/data (the cleaner's own files): it is immutable (chattr +i).",
      'Mount the storage so that the cleaner can write to it: in Compose, a volume without ":ro".',
      'Take the attribute away: chattr -R -i /data',
    ]);
  });
});

describe('the cure in a container', () => {
  const cure = (who: Who, denials: readonly Denial[], more = {}) =>
    texts(who, denials, { ...inside, ...more }).slice(new Set(denials.map(({ kind }) => kind)).size);

  it('is the owner, for another user', () => {
    expect(cure(somebody, [blob])).toEqual([
      'The cleaner runs as 2000:2001. Its service needs the line: user: "1000:1001"',
    ]);
  });

  it('keeps the way to the engine, where its socket is a group’s', () => {
    expect(cure(somebody, [blob], { socket })).toEqual([
      expect.stringContaining('user: "1000:1001"'),
      '… and, for it to reach the engine at /var/run/docker.sock: group_add: ["998"]',
    ]);
    for (const open of [
      { ...socket, mode: 0o140666 },
      { ...socket, uid: 1000 },
      { ...socket, gid: 1001 },
      { ...socket, mode: 0o140600 },
    ])
      expect(cure(somebody, [blob], { socket: open }), JSON.stringify(open)).toHaveLength(1);
  });

  it('is root, where root owns it: root reaches the engine as well', () => {
    const denials = [{ ...blob, owner: { uid: 0, gid: 0 } }];
    expect(cure(somebody, denials, { socket })).toEqual([expect.stringMatching(/: user: "0:0"$/)]);
  });

  it('is root, where several own it, with the capabilities that this takes', () => {
    const denials = [blob, { ...blob, kind: 'tags', path: '/data/t', owner: { uid: 1002, gid: 1002 } }];
    expect(cure(somebody, denials)).toEqual([
      expect.stringMatching(/: user: "0:0" \(several users own this: 1000, 1002\)$/),
      '… and, where it drops capabilities: cap_add: [DAC_OVERRIDE, FOWNER]',
    ]);
  });

  it('are the capabilities that root has lost, and no others', () => {
    const line = (names: string) => [
      `The cleaner runs as 0:0 without a capability that this takes. Its service needs the line: cap_add: [${names}]`,
    ];
    expect(cure(weakRoot, [blob])).toEqual(line('DAC_OVERRIDE'));
    expect(cure(weakRoot, [sticky])).toEqual(line('FOWNER'));
    expect(cure(weakRoot, [blob, sticky])).toEqual(line('DAC_OVERRIDE, FOWNER'));
    expect(cure({ ...root, overridesSticky: false }, [blob, sticky])).toEqual(line('FOWNER'));
  });

  it('is the owner, for a root that has them all and may not: another user namespace, or a squashing NFS', () => {
    expect(cure(root, [blob])).toEqual([expect.stringMatching(/0:0\. .* user: "1000:1001"$/)]);
  });
});

describe('the cure on a host', () => {
  const cure = (who: Who, denials: readonly Denial[]) => texts(who, denials, { ...outside, socket }).slice(1);

  it('is root, or the owner', () => {
    expect(cure(somebody, [blob])).toEqual([
      "The cleaner runs as 2000:2001. Run it as root, or as the owner: sudo -u '#1000' -g '#1001' registry-cleanup …",
    ]);
    expect(cure(somebody, [{ ...blob, owner: { uid: 0, gid: 0 } }])).toEqual([
      'The cleaner runs as 2000:2001. Run it as root.',
    ]);
  });

  it('is a capability, for a root without it', () => {
    expect(cure(weakRoot, [blob])).toEqual([expect.stringMatching(/run it with CAP_DAC_OVERRIDE\.$/)]);
  });

  it('is the mode, for the owner', () => {
    const own = { ...blob, owner: { uid: 2000, gid: 2001 }, mode: 0o555 };
    expect(cure(somebody, [own])).toEqual([expect.stringMatching(/: chmod -R u\+rwX \/data$/)]);
  });
});
