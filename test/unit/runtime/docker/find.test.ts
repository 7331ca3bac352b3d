import { describe, expect, it } from 'vitest';
import { findDeclared, findLive, findNamed } from '../../../../src/runtime/docker/find.ts';
import { row } from './containers.ts';

const live = { 'registry-cleanup.role': 'live' };
const own = { self: undefined, project: 'app' };
const nobody = { self: undefined, project: undefined };

const service = (name: string, project = 'app', more: Readonly<Record<string, string>> = {}) => ({
  'com.docker.compose.project': project,
  'com.docker.compose.service': name,
  'com.docker.compose.oneoff': 'False',
  ...more,
});

function named(found: ReturnType<typeof findLive>): string {
  return 'found' in found ? found.found.name : found.refusal;
}

describe('the live registry', () => {
  const registry = row('app_registry_1', { labels: service('registry') });
  const labelled = row('app_images_1', { labels: service('images', 'app', live) });
  const outside = row('hand-made', { labels: live });

  it('is what has the label, before the service', () => {
    expect(named(findLive([registry, labelled, outside], own))).toBe('app_images_1');
    expect(named(findLive([registry, outside], own))).toBe('app_registry_1');
  });

  it('is nobody of another project', () => {
    const other = row('other_registry_1', { labels: service('registry', 'other', live) });
    expect(named(findLive([other, outside], own))).toBe(
      'The Compose project app has no container with the label registry-cleanup.role=live, and no service "registry". ' +
        'There are no other containers. ' +
        'Name it in registry.container, or give its container the label registry-cleanup.role=live.',
    );
  });

  it('is what has the label, wherever, for one who has no project', () => {
    expect(named(findLive([registry, outside], nobody))).toBe('hand-made');
    expect(named(findLive([registry], nobody))).toMatch(
      /^The cleaner runs in no Compose project, .* Seen: app_registry_1 \(registry:2, running\)\./,
    );
  });

  it('is none of two', () => {
    const second = row('app_registry_2', { labels: service('registry'), state: 'exited' });
    expect(named(findLive([second, registry], own))).toMatch(
      /^2 containers are the service "registry" of the Compose project app: app_registry_1 \(registry:2, running\), app_registry_2 \(registry:2, exited\)\. Name the live one in registry\.container\./,
    );
    expect(named(findLive([labelled, row('x', { labels: service('x', 'app', live) })], own))).toMatch(
      /^2 containers have the label registry-cleanup\.role=live: app_images_1 /,
    );
  });

  it('is nobody who is gone in a moment, has another role, or was made by a run', () => {
    const others = [
      row('one-off', { labels: service('registry', 'app', { 'com.docker.compose.oneoff': 'True' }) }),
      row('stand-in', { labels: service('registry', 'app', { 'registry-cleanup.role': 'readonly' }) }),
      row('left', { labels: service('registry', 'app', { 'registry-cleanup.run': '1' }) }),
      row('going', { labels: service('registry'), state: 'removing' }),
    ];
    expect(named(findLive([...others, registry], own))).toBe('app_registry_1');
    expect(named(findLive(others, own))).toContain('There are no other containers.');
  });

  it('is found among many, of which ten are shown', () => {
    const many = Array.from({ length: 12 }, (_, n) =>
      row(`c${10 + n}`, { state: n === 11 ? 'running' : 'exited' }),
    );
    const refusal = named(findLive(many, { self: many[0]?.id, project: undefined }));
    expect(refusal).toContain('Seen: c21 (registry:2, running), c11 (registry:2, exited), ');
    expect(refusal).toContain(' and 1 more.');
  });
});

describe('a container that is named', () => {
  const all = [row('registry'), row('stand-in', { labels: { 'registry-cleanup.role': 'readonly' } })];

  it('is found by its name, its id, or how that begins', () => {
    const { id } = row('registry');
    for (const name of ['registry', '/registry', id, id.slice(0, 12)])
      expect(named(findNamed(all, name, nobody))).toBe('registry');
  });

  it('is refused if there is none, or if it is a stand-in', () => {
    expect(named(findNamed(all, 'registr', nobody))).toMatch(/has no container registr\. Seen: registry /);
    expect(named(findNamed(all, '7265', nobody))).toContain('has no container 7265');
    expect(named(findNamed(all, 'stand-in', nobody))).toContain('stand-in is a stand-in');
  });
});

describe('the declared stand-in', () => {
  const readonly = { 'registry-cleanup.role': 'readonly' };
  const registry = row('registry', { labels: service('registry') });
  const declared = row('declared', { labels: service('registry-readonly', 'app', readonly) });

  it('is the one in the project of the live registry', () => {
    const other = row('other', { labels: service('registry-readonly', 'other', readonly) });
    expect(findDeclared([registry, declared, other], registry)).toEqual({ found: declared });
    const alone = row('alone', { labels: readonly });
    expect(findDeclared([row('r'), declared, alone], row('r'))).toEqual({ found: alone });
    expect(findDeclared([registry, other], registry)).toEqual({ found: undefined });
  });

  it('is nothing that a run made', () => {
    const left = row('left', { labels: { ...declared.labels, 'registry-cleanup.run': '1' } });
    expect(findDeclared([registry, left], registry)).toEqual({ found: undefined });
  });

  it('is none of two', () => {
    const second = row('second', { labels: declared.labels });
    expect(findDeclared([registry, declared, second], registry)).toEqual({
      refusal: expect.stringMatching(
        /^2 containers have the label .*: declared .*, second .* Leave it to one\.$/,
      ),
    });
  });
});
