import { describe, expect, it } from 'vitest';
import { type VerifyLiveOptions, verifyLive } from '../../../src/apply/verify-live.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import type { Client } from '../../../src/registry/client.ts';
import { at, digestOf } from '../../support/layout.ts';
import { absentDigest, type MemoryRegistry, memoryRegistry } from '../../support/memory-registry.ts';

const mediaType = 'application/vnd.oci.image.manifest.v1+json';

interface Asked {
  readonly client: Client;
  readonly tags: string[];
}

/** A client of a registry that resolves `repository:tag` so; undefined: it does not serve it. */
function clientOf(resolve: (tag: string) => string | undefined): Asked {
  const tags: string[] = [];
  const answer = (repository: string, tag: string) => {
    tags.push(`${repository}:${tag}`);
    const digest = resolve(`${repository}:${tag}`);
    return digest === undefined ? undefined : { digest, mediaType, bytes: new Uint8Array() };
  };
  const client: Partial<Client> = {
    getManifest: async (repository, tag) => answer(repository, tag),
    headManifest: async (repository, tag) => answer(repository, tag),
  };
  return { client: client as Client, tags };
}

async function scene(): Promise<{ made: MemoryRegistry; plan: Plan; digests: Map<string, string> }> {
  const made = memoryRegistry();
  const digests = new Map<string, string>();
  for (const tag of ['v1', 'v2']) {
    digests.set(`app:${tag}`, made.image('app', { tags: [tag], layers: [`layer of ${tag}`] }));
  }
  made.image('app', { layers: ['dead'] });
  return { made, plan: await made.plan(), digests };
}

function verify(plan: Plan, options: Partial<VerifyLiveOptions> & Pick<VerifyLiveOptions, 'reader'>) {
  const { signal } = new AbortController();
  return verifyLive(plan, { client: undefined, limit: 500, forAtMost: 20_000, signal, ...options });
}

describe('verification of the live registry', () => {
  it('asks for every tag, and is content where all resolve to what they did', async () => {
    const { made, plan, digests } = await scene();
    const { client, tags } = clientOf((tag) => digests.get(tag));
    await made.storage.remove([...plan.remove].map(({ key }) => key));
    expect(await verify(plan, { client, reader: made.storage })).toEqual({ tags: 2, of: 2 });
    expect(tags.toSorted()).toEqual([...digests.keys()]);
  });

  it.each([
    ['is gone', (made: MemoryRegistry, key: string) => made.storage.drop(key)],
    ['has lost bytes', (made: MemoryRegistry, key: string) => made.storage.put(key, 'x')],
  ])('fails where a blob that must stay %s, without a client, too', async (_what, spoil) => {
    const { made, plan } = await scene();
    const key = at.blob(digestOf(Buffer.from('layer of v1')));
    spoil(made, key);
    await expect(verify(plan, { reader: made.storage })).rejects.toMatchObject({
      code: 'VERIFY_FAILED',
      exitCode: 21,
      details: [made.storage.locate(key)],
    });
  });

  it.each([
    ['is not served', undefined],
    ['resolves to something else', absentDigest('other')],
  ])('fails where a tag %s although the storage says what it did', async (_what, answer) => {
    const { made, plan, digests } = await scene();
    const { client } = clientOf((tag) => (tag === 'app:v1' ? answer : digests.get(tag)));
    await expect(verify(plan, { client, reader: made.storage })).rejects.toMatchObject({
      code: 'VERIFY_FAILED',
      details: [expect.stringMatching(/^app:v1 (?:is not served|resolves to sha256:)/)],
    });
  });

  it.each([
    ['pushed anew', (made: MemoryRegistry) => made.tag('app', 'v1', absentDigest('other'))],
    ['deleted', (made: MemoryRegistry) => made.storage.drop(at.current('app', 'v1'))],
  ])('excuses a tag that a user has %s since', async (_what, change) => {
    const { made, plan, digests } = await scene();
    change(made);
    const { client } = clientOf((tag) => (tag === 'app:v1' ? absentDigest('other') : digests.get(tag)));
    expect(await verify(plan, { client, reader: made.storage })).toEqual({ tags: 2, of: 2 });
  });

  it('asks for no more tags than it may, spread evenly, and for no longer', async () => {
    const made = memoryRegistry();
    const digests = new Map<string, string>();
    for (let number = 100; number < 200; number++) {
      digests.set(`app:v${number}`, made.image('app', { tags: [`v${number}`] }));
    }
    const plan = await made.plan();
    const { client, tags } = clientOf((tag) => digests.get(tag));
    expect(await verify(plan, { client, reader: made.storage, limit: 10 })).toEqual({ tags: 10, of: 100 });
    expect(tags).toEqual(Array.from({ length: 10 }, (_, turn) => `app:v${100 + 10 * turn}`));
    const none = await verify(plan, { client, reader: made.storage, forAtMost: 0 });
    expect(none).toEqual({ tags: 0, of: 100 });
  });

  it('ends when it is interrupted', async () => {
    const { made, plan } = await scene();
    const { client } = clientOf(() => undefined);
    const signal = AbortSignal.abort(new Error('Ctrl-C'));
    await expect(verify(plan, { client, reader: made.storage, signal })).rejects.toThrow('Ctrl-C');
  });
});
