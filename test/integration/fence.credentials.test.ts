import { describe, expect, it } from 'vitest';
import { freshTmpdir } from '../support/fresh-tmpdir.ts';
import { gateIn } from '../support/gate.ts';
import { assertNothingLost, closure, unreachable } from '../support/oracle.ts';
import { get, post } from '../support/process-runtime.ts';
import { configFor } from '../support/program.ts';
import { credentials, startRegistry, type TestRegistry } from '../support/registry.ts';
import { runTold } from '../support/run-told.ts';
import { changesSince, superseded } from '../support/untouched.ts';
import { beforeCollecting } from '../support/wrapper.ts';

freshTmpdir();

describe('a registry that asks for a user and password', () => {
  it.each([
    ['none are configured', {}, 'Set registry.auth, or use --no-readonly-instance'],
    ['they are wrong', { auth: { ...credentials, password: 'guessed' } }, 'registry.auth'],
    ['the user is unknown', { auth: { username: 'nobody', password: 'guessed' } }, 'registry.auth'],
  ])('is refused with exit 6 before anything stops where %s', async (_what, settings, reason) => {
    await using registry = await startRegistry({ auth: 'htpasswd' });
    const content = await superseded(registry);
    const { pid } = registry;
    const document = await runTold(configFor(registry, { registry: settings }));
    expect(document).toMatchObject({ outcome: 'refused', exitCode: 6, error: { code: 'REFUSED' } });
    expect(document.error?.details.join('\n')).toContain(reason);
    expect(document.steps.map(({ id }) => id)).not.toContain('stop');
    expect(JSON.stringify(document)).not.toContain('guessed');
    expect(changesSince(registry, content)).toEqual([]);
    expect(registry.pid).toBe(pid);
  });

  it('is cleaned with them, and its stand-in lets in whom the registry does', async () => {
    await using registry = await startRegistry({ auth: 'htpasswd' });
    const { kept } = await superseded(registry);
    const before = closure(registry.root);
    using collecting = gateIn(registry.directory, 'collect');
    const binary = beforeCollecting(registry, collecting.script);
    await using running = runTold(configFor(registry, { binary, registry: { auth: credentials } }));
    await collecting.reached(running);
    expect(await get(registry.url)).toBe(401);
    expect(await post(registry.url)).toBe(401);
    expect(await pulled(registry, kept.digest)).toBe(200);
    expect(await pushed(registry)).toBe(405);
    collecting.open();

    expect(await running).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 2 } });
    expectClean(registry, before);
    expect(await pushed(registry)).toBe(202);
  });

  it('is cleaned without them where no stand-in is wanted, since then nobody has to be asked', async () => {
    await using registry = await startRegistry({ auth: 'htpasswd' });
    const { kept } = await superseded(registry);
    const before = closure(registry.root);
    const document = await runTold(configFor(registry), { flags: { readonlyInstance: false } });
    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 2 } });
    expectClean(registry, before);
    expect(await pulled(registry, kept.digest)).toBe(200);
  });
});

function expectClean(registry: TestRegistry, before: ReturnType<typeof closure>): void {
  assertNothingLost(before, closure(registry.root));
  expect(Object.values(unreachable(registry.root)).flat()).toEqual([]);
}

async function pulled(registry: TestRegistry, digest: string): Promise<number> {
  const accept = 'application/vnd.oci.image.manifest.v1+json';
  return (await ask(registry, 'GET', `/v2/team/app/manifests/${digest}`, { accept })).status;
}

async function pushed(registry: TestRegistry): Promise<number> {
  return (await ask(registry, 'POST', '/v2/team/app/blobs/uploads/')).status;
}

function ask(registry: TestRegistry, method: string, path: string, headers = {}): Promise<Response> {
  const basic = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
  return fetch(`${registry.url}${path}`, {
    method,
    headers: { ...headers, authorization: `Basic ${basic}` },
  });
}
