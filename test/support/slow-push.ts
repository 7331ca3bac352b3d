import { expectAnswer } from './client.ts';
import type { Dice } from './dice.ts';
import { digestOf } from './layout.ts';
import { bytesOf, type Dialect, mediaTypes, noise } from './push.ts';

/** A layer, and how the client means to get it into the registry. */
interface Layer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How often it is cut; undefined: all at once, in the request that commits it. */
  readonly chunks: number | undefined;
  /** The repository that it may be mounted from. */
  readonly mountFrom: string | undefined;
}

/** A push, request by request. */
export interface PushPlan {
  readonly repository: string;
  readonly tag: string;
  readonly dialect: Dialect;
  /** More than one, and an index over them. */
  readonly images: readonly { readonly seed: string; readonly layers: readonly Layer[] }[];
}

/** What the registry holds already. */
export interface Known {
  /** Repository and seeds of layers that nobody needs any more, and that are there until they are swept. */
  readonly litter: { readonly repository: string; readonly seeds: readonly [string, ...string[]] };
  /** The same of layers that a tag needs. */
  readonly kept: { readonly repository: string; readonly seeds: readonly [string, ...string[]] };
  /** A tag that is there and may be moved by the push. */
  readonly tagged: { readonly repository: string; readonly tag: string };
}

/** A push as `roll` has it; `name` tells it from others. */
export function planPush(name: string, known: Known, roll: Dice): PushPlan {
  const place = roll.pick([
    { repository: `fresh/${name}`, tag: 'v1' },
    { repository: known.litter.repository, tag: name },
    { repository: known.kept.repository, tag: name },
    known.tagged,
  ]);
  const layer = (which: string): Layer => {
    const source = roll.pick(['fresh', 'fresh', 'litter', 'kept'] as const);
    const chunks = roll.pick([undefined, 1, 2, 3]);
    if (source === 'fresh') return { bytes: noise(`${name} ${which}`, 4_000), chunks, mountFrom: undefined };
    const { repository, seeds } = known[source];
    return { bytes: noise(roll.pick(seeds)), chunks, mountFrom: roll.pick([undefined, repository]) };
  };
  const images = Array.from({ length: roll.pick([1, 1, 2, 3]) }, (_, image) => ({
    seed: `${name}/${image}`,
    layers: Array.from({ length: 1 + roll.below(3) }, (_, index) => layer(`${image} ${index}`)),
  }));
  return { ...place, dialect: roll.pick(['oci', 'docker']), images };
}

/**
 * Pushes as clients do: asks for each blob, mounts it or uploads it if it is not there, then the manifests, the tag last.
 * Yields after each request but the last one, and returns the digest that the tag names. Throws Refused.
 */
export async function* push(base: string, plan: PushPlan): AsyncGenerator<string, string> {
  const types = mediaTypes[plan.dialect];
  const children: { mediaType: string; digest: string; size: number; platform?: object }[] = [];
  for (const [index, { seed, layers }] of plan.images.entries()) {
    for (const layer of layers) yield* pushBlob(base, plan.repository, layer);
    const described = layers.map(({ bytes }) => ({
      mediaType: types.layer,
      digest: digestOf(bytes),
      size: bytes.length,
    }));
    const config = bytesOf(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config: { Labels: { seed } },
        rootfs: { type: 'layers', diff_ids: described.map(({ digest }) => digest) },
      }),
    );
    yield* pushBlob(base, plan.repository, { bytes: config, chunks: undefined, mountFrom: undefined });
    const manifest = bytesOf(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: types.image,
        config: { mediaType: types.config, digest: digestOf(config), size: config.length },
        layers: described,
      }),
    );
    const digest = digestOf(manifest);
    const alone = plan.images.length === 1;
    await putManifest(base, plan, alone ? plan.tag : digest, manifest, types.image);
    if (alone) return digest;
    yield `manifest ${index}`;
    const platform = { os: 'linux', architecture: ['amd64', 'arm64', 's390x'][index] };
    children.push({ mediaType: types.image, digest, size: manifest.length, platform });
  }
  const body = bytesOf(JSON.stringify({ schemaVersion: 2, mediaType: types.index, manifests: children }));
  await putManifest(base, plan, plan.tag, body, types.index);
  return digestOf(body);
}

async function putManifest(
  base: string,
  { repository }: PushPlan,
  reference: string,
  body: Uint8Array,
  type: string,
): Promise<void> {
  const url = new URL(`/v2/${repository}/manifests/${reference}`, base);
  await expectAnswer(url, 'PUT', [201], body, { 'content-type': type });
}

async function* pushBlob(base: string, repository: string, layer: Layer): AsyncGenerator<string, void> {
  const { bytes, chunks, mountFrom } = layer;
  const digest = digestOf(bytes);
  const known = await expectAnswer(new URL(`/v2/${repository}/blobs/${digest}`, base), 'HEAD', [200, 404]);
  yield `HEAD blob: ${known.status}`;
  if (known.status === 200) return;
  const uploads = new URL(`/v2/${repository}/blobs/uploads/`, base);
  if (mountFrom !== undefined) {
    uploads.searchParams.set('mount', digest);
    uploads.searchParams.set('from', mountFrom);
  }
  const begun = await expectAnswer(uploads, 'POST', [201, 202], new Uint8Array());
  yield `POST: ${begun.status}`;
  if (begun.status === 201) return;
  let location = locationOf(begun.headers.location, base);
  let sent = 0;
  for (let chunk = 1; chunks !== undefined && chunk <= chunks; chunk++) {
    const end = Math.ceil((bytes.length * chunk) / chunks);
    const range = { 'content-range': `${sent}-${end - 1}` };
    const answer = await expectAnswer(location, 'PATCH', [202], bytes.subarray(sent, end), {
      ...octets,
      ...range,
    });
    location = locationOf(answer.headers.location, base);
    sent = end;
    yield `PATCH ${chunk} of ${chunks}`;
  }
  location.searchParams.set('digest', digest);
  await expectAnswer(location, 'PUT', [201], bytes.subarray(sent), octets);
  yield 'PUT blob';
}

const octets = { 'content-type': 'application/octet-stream' };

function locationOf(header: string | string[] | undefined, base: string): URL {
  return new URL(String(header), base);
}
