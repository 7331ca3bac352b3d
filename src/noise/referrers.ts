import { splitDigest } from '../registry/digest.ts';
import type { ReferrerKind } from './design.ts';
import {
  type Built,
  describeManifest,
  json,
  manifestOf,
  mediaTypes,
  type Store,
  storeBlob,
} from './manifest.ts';

/** A manifest to push, under a tag or by its digest alone. */
export interface Referrer {
  readonly manifest: Built;
  readonly tag: string | undefined;
}

/** What refers to `subject`, with its parts in `store`, in the order to push it in. */
export async function buildReferrers(
  kind: ReferrerKind,
  subject: Built,
  store: Store,
): Promise<readonly Referrer[]> {
  const { algorithm, hex } = splitDigest(subject.digest);
  if (kind === 'signature') {
    return [{ manifest: await buildSignature(subject, store), tag: `${algorithm}-${hex}.sig` }];
  }
  const artifact = await buildArtifact(subject, store);
  const alone = { manifest: artifact, tag: undefined };
  if (kind === 'subject') return [alone];
  // Others tell the artifactType here, too; the skopeo of Debian 12 cannot copy such an index byte for byte.
  const index = manifestOf({ mediaType: mediaTypes.oci.index, manifests: [describeManifest(artifact)] });
  return [alone, { manifest: index, tag: `${algorithm}-${hex}` }];
}

const bomType = 'application/vnd.cyclonedx+json';

/** As `oras attach` writes a bill of materials: an artifact with an empty config and a `subject`. */
async function buildArtifact(subject: Built, store: Store): Promise<Built> {
  const bom = json({
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: subject.digest,
    components: [],
  });
  return manifestOf({
    mediaType: mediaTypes.oci.image,
    artifactType: bomType,
    config: await storeBlob(store, json({}), 'application/vnd.oci.empty.v1+json'),
    layers: [await storeBlob(store, bom, bomType)],
    subject: describeManifest(subject),
  });
}

/** As `cosign sign` writes a signature where it uses tags. It signs nothing. */
async function buildSignature(subject: Built, store: Store): Promise<Built> {
  const payload = json({
    critical: {
      identity: { 'docker-reference': '' },
      image: { 'docker-manifest-digest': subject.digest },
      type: 'cosign container image signature',
    },
    optional: null,
  });
  const layer = await storeBlob(store, payload, 'application/vnd.dev.cosign.simplesigning.v1+json');
  const config = json({
    architecture: '',
    os: '',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  });
  return manifestOf({
    mediaType: mediaTypes.oci.image,
    config: await storeBlob(store, config, mediaTypes.oci.config),
    layers: [{ ...layer, annotations: { 'dev.cosignproject.cosign/signature': '' } }],
  });
}
