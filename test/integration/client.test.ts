import { describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../src/registry/client.ts';
import { digestOf } from '../../src/registry/digest.ts';
import { credentials, startRegistry, type TestRegistry } from '../support/registry.ts';
import { snapshot } from '../support/tree.ts';
import { issuer, service, startTokenService } from './token-service.ts';

async function using<T>(registry: TestRegistry, work: (client: Client) => Promise<T>): Promise<T> {
  const client = createClient({ url: registry.pushUrl, timeoutMs: 10_000 });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** An image without layers; the config makes it one of its own. */
async function pushImage(client: Client, repository: string, tag: string): Promise<string> {
  const config = Buffer.from(JSON.stringify({ repository, tag }));
  const { digest } = await client.pushBlob(repository, config);
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const described = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: config.length };
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config: described, layers: [] }));
  return client.putManifest(repository, tag, { mediaType, bytes });
}

describe('the client of a real registry', () => {
  it('pushes, and finds what it pushed', async () => {
    await using registry = await startRegistry();
    await using(registry, async (client) => {
      expect(await client.ping()).toEqual({ status: 200, challenge: 'none', distribution: true });
      const digest = await pushImage(client, 'team/app', 'v1');
      for (const reference of ['v1', digest]) {
        const manifest = await client.getManifest('team/app', reference);
        expect(manifest).toMatchObject({ digest, mediaType: 'application/vnd.oci.image.manifest.v1+json' });
        const { mediaType } = manifest ?? {};
        expect(await client.headManifest('team/app', reference)).toEqual({ digest, mediaType });
      }
      expect(await client.tags('team/app')).toEqual(['v1']);
      expect(await client.catalog()).toEqual({ names: ['team/app'], complete: true });
    });
  });

  it('finds nothing where there is nothing', async () => {
    await using registry = await startRegistry();
    await using(registry, async (client) => {
      const digest = digestOf(Buffer.from('nothing'));
      expect(await client.getManifest('a', 'latest')).toBeUndefined();
      expect(await client.headManifest('a', digest)).toBeUndefined();
      expect(await client.hasBlob('a', digest)).toBe(false);
      expect(await client.tags('a')).toEqual([]);
      expect(await client.catalog()).toEqual({ names: [], complete: true });
    });
  });

  it('sends a blob once, and mounts it elsewhere', async () => {
    await using registry = await startRegistry();
    await using(registry, async (client) => {
      const bytes = Buffer.from('a layer');
      expect(await client.pushBlob('a', bytes)).toMatchObject({ how: 'uploaded' });
      expect(await client.pushBlob('a', bytes)).toMatchObject({ how: 'present' });
      expect(await client.pushBlob('b', bytes, { mountFrom: 'a' })).toMatchObject({ how: 'mounted' });
      expect(await client.pushBlob('c', bytes, { mountFrom: 'nowhere' })).toMatchObject({ how: 'uploaded' });
      expect(await client.hasBlob('b', digestOf(bytes))).toBe(true);
    });
  });

  it('tells a read-only registry by its answer to a push, and changes nothing there', async () => {
    const readonly = { maintenance: { readonly: { enabled: true } } };
    await using registry = await startRegistry({ config: { storage: readonly } });
    await using(registry, async (client) => {
      const before = snapshot(registry.root);
      expect(await client.probeUpload('probe')).toMatchObject({
        status: 405,
        contentType: 'text/plain',
        apiVersion: 'registry/2.0',
        location: undefined,
        body: 'Method not allowed\n',
      });
      expect(snapshot(registry.root)).toEqual(before);
    });
  });

  it('takes back an upload that a probe began, even where the registry names itself otherwise', async () => {
    await using registry = await startRegistry({ config: { http: { host: 'https://registry.example' } } });
    await using(registry, async (client) => {
      const uploads = () =>
        [...snapshot(registry.root).keys()].filter((path) => /_uploads\/.*\/(?:data|startedat)$/.test(path));
      const { status, location = '' } = await client.probeUpload('probe');
      expect(uploads()).toHaveLength(2);
      expect([status, new URL(location).host]).toEqual([202, 'registry.example']);
      await client.cancelUpload('probe', location);
      await client.cancelUpload('probe', location);
      expect(uploads()).toEqual([]);
    });
  });

  it('lists repositories where the registry gives fewer at a time than are asked for', async () => {
    await using registry = await startRegistry({ config: { catalog: { maxentries: 2 } } });
    await using(registry, async (client) => {
      for (const repository of ['a', 'b', 'c']) await pushImage(client, repository, 'v1');
      const { names, complete } = await client.catalog();
      expect(complete).toBe(names.length === 3);
      expect(['a', 'b', 'c'].slice(0, names.length)).toEqual(names);
    });
  });

  it('logs in with a password, and says so when it is the wrong one', async () => {
    await using registry = await startRegistry({ auth: 'htpasswd' });
    await using(registry, async (client) => {
      expect(await client.ping()).toEqual({ status: 401, challenge: 'basic', distribution: true });
      await pushImage(client, 'a', 'v1');
      expect(await client.tags('a')).toEqual(['v1']);
    });
    const stranger = createClient({ url: registry.url, auth: { ...credentials, password: 'wrong-one' } });
    expect(await stranger.probeUpload('a')).toMatchObject({ status: 401 });
    await expect(stranger.catalog()).rejects.toThrow(
      'was answered with 401: UNAUTHORIZED: authentication required.',
    );
    await stranger.close();
  });

  it('fetches tokens where the registry asks for them, one for each scope', async () => {
    await using tokens = await startTokenService(credentials, /^repository:secret:/);
    const { realm, certificate: rootcertbundle } = tokens;
    await using registry = await startRegistry({
      config: { auth: { token: { realm, service, issuer, rootcertbundle } } },
    });
    const client = createClient({ url: registry.url, auth: credentials });
    try {
      expect(await client.ping()).toEqual({ status: 401, challenge: 'bearer', distribution: true });
      const digest = await pushImage(client, 'a', 'v1');
      expect(await client.headManifest('a', 'v1')).toMatchObject({ digest });
      const bytes = Buffer.from('a layer');
      await client.pushBlob('a', bytes);
      expect(await client.pushBlob('b', bytes, { mountFrom: 'a' })).toMatchObject({ how: 'mounted' });
      expect(await client.catalog()).toEqual({
        names: registry.major === 2 ? ['a', 'b'] : ['a'],
        complete: true,
      });
      await expect(client.tags('secret')).rejects.toThrow(
        /secret\/tags\/list was answered with 401: UNAUTHORIZED/,
      );
      // Sorted, as the registry names the two resources of a mount, and what is to be done to one, in an order of its own.
      const sorted = (scope: string) => scope.replace(/[^:]+$/, (deeds) => deeds.split(',').sort().join(','));
      expect(tokens.visits.map((scopes) => scopes.map(sorted).sort())).toEqual([
        ['repository:a:pull'], // Is the blob there?
        ['repository:a:pull,push'],
        ['repository:a:pull'], // A reader does not borrow the token of a push.
        ['repository:b:pull'],
        ['repository:a:pull', 'repository:b:pull,push'],
        ['registry:catalog:*'],
        ['repository:secret:pull'],
      ]);
    } finally {
      await client.close();
    }
  });

  it('goes on with a registry that was restarted', async () => {
    await using registry = await startRegistry();
    await using(registry, async (client) => {
      await pushImage(client, 'a', 'v1');
      await registry.stop();
      await expect(client.tags('a')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
      await registry.start();
      expect(await client.tags('a')).toEqual(['v1']);
    });
  });
});
