import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { registryBinary } from '../support/binary.ts';
import { hazardsFor, stage } from '../support/hazards.ts';
import { at } from '../support/layout.ts';
import { post } from '../support/process-runtime.ts';
import { type ConfigOptions, configFor, report } from '../support/program.ts';
import { type Pushed, pushImage } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { diff, snapshot } from '../support/tree.ts';
import { changesSince, superseded } from '../support/untouched.ts';
import { issuer, service, startTokenService } from './token-service.ts';

/** Ours is said to be what answers at the other's address. */
function mistaken(ours: TestRegistry, other: TestRegistry, options: ConfigOptions = {}): string {
  return configFor(ours, { ...options, registry: { url: other.url, ...options.registry } });
}

function push(registry: TestRegistry, seed: string): Promise<Pushed> {
  return pushImage(registry.pushUrl, 'team/app', 'v1', { seed });
}

describe('a storage that is not the one of the live registry', () => {
  it.each(['run', 'plan'] as const)(
    'is refused by %s with both digests, and nothing is touched',
    async (command) => {
      await using ours = await startRegistry();
      await using other = await startRegistry();
      await push(ours, 'old');
      const held = await push(ours, 'ours');
      const live = await push(other, 'theirs');
      const before = { ours: snapshot(ours.root, { ignoreState: false }), other: snapshot(other.root) };
      const pids = [ours.pid, other.pid];

      const { report: document } = await report(command, mistaken(ours, other));
      expect(document).toMatchObject({ outcome: 'refused', exitCode: 6, error: { code: 'REFUSED' } });
      expect(document.error?.details).toHaveLength(1);
      const [reason] = document.error?.details ?? [];
      expect(reason).toContain(
        `${ours.root}: team/app:v1: ${held.digest} here, but the live registry at ${other.url} says ${live.digest}: `,
      );
      expect(reason).toMatch(/Mount .* registry\.config .* registry\.url/);
      expect(diff(before.ours, snapshot(ours.root, { ignoreState: false }))).toEqual([]);
      expect(diff(before.other, snapshot(other.root))).toEqual([]);
      expect([ours.pid, other.pid]).toEqual(pids);
    },
  );

  it('is seen by one tag that it lacks, among many that it shares (a copy that has aged)', async () => {
    await using ours = await startRegistry();
    await using other = await startRegistry();
    for (const registry of [ours, other])
      for (const name of ['a', 'b', 'c', 'd']) await pushImage(registry.pushUrl, name, 'v1', { seed: name });
    await pushImage(other.pushUrl, 'c', 'v2', { seed: 'new' });
    const document = await runHere(mistaken(ours, other));
    expect(document).toMatchObject({ exitCode: 6 });
    expect(document.error?.details[0]).toMatch(/: c:v2: there is no such tag here, but .* says sha256:/);
  });

  it('is seen where the live registry is empty', async () => {
    await using ours = await startRegistry();
    await using other = await startRegistry();
    const content = await superseded(ours);
    const document = await runHere(mistaken(ours, other));
    expect(document).toMatchObject({ exitCode: 6 });
    expect(document.error?.details[0]).toMatch(
      /: (?:team\/app:latest|other:v1): sha256:[0-9a-f]{64} here, but .* knows no such tag: /,
    );
    expect(changesSince(ours, content)).toEqual([]);
  });
});

describe('the storage of the live registry', () => {
  it('is taken for it while the same tag is pushed again and again', async () => {
    await using registry = await startRegistry();
    await superseded(registry);
    const config = configFor(registry);
    let over = false;
    const pushing = (async () => {
      for (let i = 0; !over; i++) await push(registry, `round ${i}`);
    })();
    try {
      for (let i = 0; i < 5; i++) {
        const { outcome, error } = await runHere(config, { command: 'plan' });
        expect(outcome, error?.details.join('\n')).toBe('ok');
      }
    } finally {
      over = true;
      await pushing;
    }
  });

  it('is taken for it with many repositories, some empty, some without tags, some damaged', async () => {
    await using registry = await startRegistry();
    for (let i = 0; i < 30; i++) await push(registry, String(i));
    for (let i = 0; i < 25; i++) await pushImage(registry.pushUrl, `many/r${i}`, `v${i}`);
    await pushImage(registry.pushUrl, 'untagged', undefined, { seed: 'untagged' });
    const gone = await pushImage(registry.pushUrl, 'damaged', 'v1', { seed: 'damaged' });
    const cut = join(registry.root, at.current('damaged', 'cut'));
    mkdirSync(dirname(cut), { recursive: true });
    writeFileSync(cut, '');
    writeFileSync(join(registry.root, at.revision('damaged', gone.digest)), '');
    const document = await runHere(configFor(registry), { command: 'plan' });
    // Refused it is, for the damage; nobody takes that for another storage.
    expect(document).toMatchObject({ outcome: 'refused', exitCode: 6 });
    expect(document.error?.details.join('\n')).not.toContain('another storage');
    expect(document.warnings).toEqual([]);
  });

  const old = hazardsFor(registryBinary().major).find(({ id }) => id === 'tagged-schema1');
  it.runIf(old !== undefined).each([true, false])(
    'is taken for it with a tag of schema 1 (enabled: %s)',
    async (enabled) => {
      const config = { compatibility: { schema1: { enabled } } };
      await using staged = await stage(old ?? expect.fail('no such hazard'), { leave: 'running', config });
      const { outcome, error } = await runHere(configFor(staged.registry), { command: 'plan' });
      expect(outcome, error?.details.join('\n')).toBe('ok');
    },
  );
});

describe('repositories that the cleaner’s user may not pull from', () => {
  const user = { username: 'ci', password: 'right' };

  async function closed(denied: RegExp) {
    const tokens = await startTokenService(user, denied);
    const { realm, certificate: rootcertbundle } = tokens;
    const root = await startRegistry();
    await pushImage(root.pushUrl, 'secret', 'v1', { seed: 'old' });
    await pushImage(root.pushUrl, 'secret', 'v1');
    await pushImage(root.pushUrl, 'open', 'v1');
    await root.stop();
    const config = { auth: { token: { realm, service, issuer, rootcertbundle } } };
    const registry = await startRegistry({ root: root.root, config });
    return {
      registry,
      async [Symbol.asyncDispose]() {
        await registry[Symbol.asyncDispose]();
        await root[Symbol.asyncDispose]();
        await tokens[Symbol.asyncDispose]();
      },
    };
  }

  it('are left out; the others are compared', async () => {
    await using scene = await closed(/^repository:secret:/);
    const config = configFor(scene.registry, { registry: { auth: user } });
    const document = await runHere(config, { command: 'plan' });
    expect(document).toMatchObject({ outcome: 'ok', warnings: [] });
  });

  it('are warned of where they are all that there is', async () => {
    await using scene = await closed(/^repository:/);
    const config = configFor(scene.registry, { registry: { auth: user } });
    const document = await runHere(config, { command: 'plan' });
    expect(document.outcome).toBe('ok');
    expect(document.warnings).toEqual([expect.stringContaining('only its configuration says')]);
    expect(await post(scene.registry.url)).toBe(401);
  });
});
