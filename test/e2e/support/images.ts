import { expect } from 'vitest';
import { call } from '../../support/http.ts';
import { digestOf } from '../../support/layout.ts';
import { type Pushed, pushImage, pushMultiArch } from '../../support/push.ts';

/** What a registry holds for a test: tags that stay, and what a run must take away. */
export interface Held {
  readonly kept: readonly { readonly repository: string; readonly tag: string; readonly digest: string }[];
}

/**
 * Pushes an image whose tag was overwritten several times, one for several platforms, and a second repository that
 * shares a layer with the first.
 */
export async function fill(url: string, overwritten = 4): Promise<Held> {
  let last: Pushed | undefined;
  for (let build = 1; build <= overwritten + 1; build++) {
    last = await pushImage(url, 'app', 'latest', { seed: `build ${build}` });
  }
  const multi = await pushMultiArch(url, 'team/multi', '1');
  const other = await pushImage(url, 'other', 'stable', { seed: `build ${overwritten + 1}` });
  return {
    kept: [
      { repository: 'app', tag: 'latest', digest: last?.digest ?? '' },
      { repository: 'team/multi', tag: '1', digest: multi.index.digest },
      { repository: 'other', tag: 'stable', digest: other.digest },
    ],
  };
}

/** Pulls every tag with all below it, over HTTP, and hashes all of it. Fails for what is not as it was pushed. */
export async function expectWhole(url: string, { kept }: Held): Promise<void> {
  for (const { repository, tag, digest } of kept) {
    const { found, body } = await manifest(url, repository, tag);
    expect(`${repository}:${tag} ${found}`).toBe(`${repository}:${tag} ${digest}`);
    await expectBelow(url, repository, body);
  }
}

/** A registry that is open takes a push, and serves it. */
export async function expectOpen(url: string): Promise<void> {
  const { digest } = await pushImage(url, 'after/the-run', 'probe', { seed: `${Date.now()}` });
  expect((await manifest(url, 'after/the-run', 'probe')).found).toBe(digest);
}

interface Below {
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
  readonly manifests?: readonly { readonly digest: string }[];
}

async function expectBelow(url: string, repository: string, body: Below): Promise<void> {
  const blobs = [...(body.config === undefined ? [] : [body.config]), ...(body.layers ?? [])];
  for (const { digest } of blobs) {
    const response = await call(url, 'GET', `/v2/${repository}/blobs/${digest}`, [200]);
    expect(digestOf(new Uint8Array(await response.arrayBuffer()))).toBe(digest);
  }
  for (const { digest } of body.manifests ?? []) {
    const child = await manifest(url, repository, digest);
    expect(child.found).toBe(digest);
    await expectBelow(url, repository, child.body);
  }
}

async function manifest(url: string, repository: string, reference: string) {
  const path = `/v2/${repository}/manifests/${reference}`;
  const response = await call(url, 'GET', path, [200], undefined, { accept });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { found: digestOf(bytes), body: JSON.parse(Buffer.from(bytes).toString('utf8')) as Below };
}

const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Every tag of a registry: what it resolves to, and whether `docker pull` takes it (an image, for this machine too). */
export async function tagsOf(
  url: string,
): Promise<
  readonly { readonly name: string; readonly tag: string; readonly digest: string; readonly runs: boolean }[]
> {
  const catalog = (await (await fetch(`${url}/v2/_catalog?n=1000`)).json()) as { repositories: string[] };
  const all = await Promise.all(
    catalog.repositories.map(async (name) => {
      const { tags } = (await (await fetch(`${url}/v2/${name}/tags/list`)).json()) as {
        tags: string[] | null;
      };
      return Promise.all((tags ?? []).map((tag) => describeTag(url, name, tag)));
    }),
  );
  return all.flat().sort((a, b) => (`${a.name}:${a.tag}` < `${b.name}:${b.tag}` ? -1 : 1));
}

const imageConfigs = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];

async function describeTag(url: string, name: string, tag: string) {
  const { found, body } = await manifest(url, name, tag);
  const types = body as { readonly config?: { readonly mediaType: string } };
  const isImage = imageConfigs.includes(types.config?.mediaType ?? '');
  // A signature of cosign says that it is an image, too, and has layers that are none.
  return { name, tag, digest: found, runs: isImage && !tag.startsWith('sha256-') };
}
