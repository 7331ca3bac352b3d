import { describe, expect, it } from 'vitest';
import { keys, type Node, root } from '../../../src/config/keys.ts';
import { schemaProblems } from '../../../src/config/problems.ts';
import { schema } from '../../../src/config/schema.ts';

function problems(written: unknown): readonly string[] {
  return schemaProblems(written, () => '');
}

describe('the schema', () => {
  it('has the documented defaults', () => {
    expect(schema.parse({})).toEqual({
      registry: {
        runtime: 'auto',
        live: { unit: 'docker-registry' },
        auth: {},
        tls: { insecure: false },
        stopTimeout: { ms: 60_000, text: '60s' },
        startTimeout: { ms: 60_000, text: '60s' },
        drain: { timeout: { ms: 30_000, text: '30s' }, quiet: { ms: 2_000, text: '2s' } },
      },
      untagged: { keepWithin: { ms: 3_600_000, text: '1h' }, protect: [] },
      uploads: { keepWithin: { ms: 604_800_000, text: '168h' } },
      repositories: { removeEmpty: false },
      retention: [],
      collector: 'registry',
      garbageCollect: { deleteUntagged: 'auto', rehearse: true },
      damage: 'stop',
      readonlyInstance: true,
      state: {},
      lock: { wait: { ms: 0, text: '0s' } },
      limits: {},
      unsafe: { allowNoTags: false },
      dryRun: false,
    });
  });

  it('describes every key and every section', () => {
    const undescribed = (node: Node): readonly string[] => [
      ...(node.description === '' && node.path !== '' ? [node.path] : []),
      ...(node.kind === 'section' ? node.children.flatMap(undescribed) : []),
    ];
    expect(undescribed(root)).toEqual([]);
  });

  it('gives every key and part a variable of its own, none of which reads as a file of another', () => {
    const names = keys.flatMap((key) => [key.environment, ...key.parts.map((part) => part.environment)]);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => name.endsWith('_FILE'))).toEqual([]);
    expect(names).toContain('CLEANUP_UNTAGGED_KEEP_WITHIN');
    expect(names).toContain('CLEANUP_GARBAGE_COLLECT_DELETE_UNTAGGED');
    expect(names).toContain('CLEANUP_REGISTRY_LIVE_UNIT');
  });

  it('knows which keys are secret', () => {
    expect(keys.filter((key) => key.secret).map((key) => key.path)).toEqual(['registry.auth.password']);
  });

  it.each([
    'stopped',
    { unit: 'registry.service' },
    { start: ['systemctl', 'start', 'x'], stop: ['systemctl', 'stop', 'x'] },
  ])('accepts %j as the live registry', (live) => {
    expect(schema.parse({ registry: { live } }).registry.live).toEqual(live);
  });

  it.each([
    'running',
    {},
    { unit: '' },
    { unit: 5 },
    { start: ['a'] },
    { start: [], stop: ['b'] },
    { start: 'a', stop: 'b' },
    { unit: 'x', start: ['a'], stop: ['b'] },
    ['stopped'],
  ])('refuses %j as the live registry', (live) => {
    expect(problems({ registry: { live } })).not.toEqual([]);
  });

  it.each([
    ['registry.example:5000', 'must be a URL that begins with http:// or https://'],
    ['ftp://registry.example', 'must be a URL that begins with http:// or https://'],
    ['http://user:hunter2@registry.example', 'must hold no credentials'],
    ['http://registry.example?x=hunter2', 'must have neither'],
  ])('refuses %s as the address, without repeating it', (url, problem) => {
    const [said, ...more] = problems({ registry: { url } });
    expect(said).toContain(`registry.url: ${problem}`);
    expect(said).not.toContain('hunter2');
    expect(more).toEqual([]);
  });

  it('takes the slash from the end of an address', () => {
    expect(schema.parse({ registry: { url: 'https://registry.example/' } }).registry.url).toBe(
      'https://registry.example',
    );
  });

  it.each(['sha256:abc', `sha256:${'A'.repeat(64)}`, 'a'.repeat(64), `repo@sha256:${'a'.repeat(64)}`])(
    'refuses %s as a digest to protect, which would protect nothing',
    (digest) => {
      expect(problems({ untagged: { protect: [digest] } })).toEqual([
        'untagged.protect.0: must be a digest: sha256: and 64 hexadecimal digits',
      ]);
    },
  );

  it.each(['registry.stopTimeout', 'registry.startTimeout'])(
    'refuses a %s that cannot be waited for',
    (path) => {
      const name = path.split('.')[1]!;
      expect(problems({ registry: { [name]: '0s' } })).toEqual([`${path}: must be at least 1s`]);
      expect(problems({ registry: { [name]: '25d' } })).toEqual([`${path}: must be at most 24h`]);
    },
  );

  it('refuses what this version cannot do', () => {
    expect(
      problems({ registry: { runtime: 'podman' }, collector: 'foreign', damage: 'skip', retention: [{}] }),
    ).toEqual([
      'registry.runtime: must be "auto" or "process" or "docker", not "podman"',
      'retention: is not supported by this version: leave it out',
      'collector: must be "registry" or "native", not "foreign"',
      'damage: must be "stop" or "isolate", not "skip"',
    ]);
  });
});

describe('problems', () => {
  it('are told all at once, each with its path', () => {
    expect(
      problems({
        untaged: {},
        registry: { auth: { pasword: 'x' }, url: 5, binary: null },
        untagged: { keepWithin: 60 },
        repositories: [],
        readonlyInstance: 'yes',
      }),
    ).toEqual([
      'registry.binary: has no value: give one, or remove the key',
      expect.stringContaining('registry.url: must be'),
      'registry.auth.pasword: is not a key here; did you mean "password"?',
      expect.stringContaining('untagged.keepWithin: needs a unit: write "60s"'),
      'repositories: must be a section of keys and values, not a list',
      'readonlyInstance: must be true or false, not a text',
      'untaged: is not a key here; did you mean "untagged"?',
    ]);
  });

  it('name the section of a key that is in the wrong one', () => {
    expect(problems({ keepWithin: '1h' })).toEqual([
      'keepWithin: is not a key here; did you mean "untagged.keepWithin" or "uploads.keepWithin"?',
    ]);
  });

  it.each(['__proto__', 'constructor', 'prototype'])('refuse the key %s, and nothing is polluted', (key) => {
    const written: unknown = JSON.parse(
      `{"${key}": {"dryRun": true}, "untagged": {"${key}": {"polluted": 1}}}`,
    );
    expect(problems(written)).toEqual([
      `untagged.${key}: is refused as a key`,
      `${key}: is refused as a key`,
    ]);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('never repeat a value or what a slip made of one', () => {
    const canary = 'hunter2';
    const said = problems({
      registry: { auth: { password: [canary], [`password:${canary}`]: null }, url: canary },
      untagged: { keepWithin: canary, protect: [canary] },
      [`password: ${canary}`]: 1,
    });
    expect(said.length).toBe(6);
    expect(said.join('\n')).not.toContain(canary);
  });

  it.each([undefined, null, 5, 'text', [], () => 1])('refuse %s as a whole configuration', (written) => {
    expect(problems(written)).toHaveLength(1);
  });
});
