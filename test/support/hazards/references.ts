import { at, digestOf } from '../layout.ts';
import {
  deleteManifest,
  mediaTypes,
  noise,
  pushArtifact,
  pushCosign,
  pushFallbackTag,
  pushImage,
  pushIndex,
  pushManifest,
  pushMultiArch,
} from '../push.ts';
import type { Hazard } from './hazard.ts';
import { hex } from './shared.ts';

/** Nothing is damaged here, but a careless reading of who needs whom loses something. */
export const references: readonly Hazard[] = [
  {
    id: 'untagged-children',
    title: 'an image index is tagged, its children are not',
    source: 'field.md a',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    deleteUntagged: { 2: 'loses', 3: 'harmless' },
    async build({ url }) {
      await pushMultiArch(url, 'multi', 'v1');
      await pushMultiArch(url, 'multi', 'list', { dialect: 'docker' });
      return {};
    },
  },
  {
    id: 'nested-index',
    title: 'an index in an index',
    source: 'field.md b',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    deleteUntagged: { 2: 'loses', 3: 'harmless' },
    async build({ url }) {
      const { index } = await pushMultiArch(url, 'nested', undefined);
      const middle = await pushIndex(url, 'nested', undefined, [index]);
      const single = await pushImage(url, 'nested', undefined, { seed: 'single' });
      await pushIndex(url, 'nested', 'v1', [middle, single]);
      return {};
    },
  },
  {
    id: 'sparse-index',
    title: 'an index in two repositories, one of which lacks the link of a child',
    source: 'field.md c',
    expect: 'clean',
    check: ['warning sparse-index'],
    warns: true,
    collector: 'harmless',
    deleteUntagged: 'loses',
    async build(scene) {
      const seed = 'sparse';
      await pushMultiArch(scene.url, 'mid/aaa', 'v1', { seed });
      const { images } = await pushMultiArch(scene.url, 'mid/bbb', 'v1', { seed });
      await scene.offline();
      const child = images[0]?.digest ?? '';
      scene.remove(at.revision('mid/aaa', child));
      return { names: [hex(child), 'mid/aaa'], place: at.revision('mid/aaa', child) };
    },
  },
  {
    id: 'child-deleted-by-api',
    title: 'a child of a tagged index was deleted through the API; another repository has it',
    source: 'field.md d',
    expect: 'clean',
    check: ['warning sparse-index'],
    warns: true,
    collector: 'harmless',
    deleteUntagged: 'loses',
    async build({ url }) {
      const seed = 'sparse';
      const { images } = await pushMultiArch(url, 'mid/aaa', 'v1', { seed });
      await pushMultiArch(url, 'mid/bbb', 'v1', { seed });
      const child = images[0]?.digest ?? '';
      await deleteManifest(url, 'mid/aaa', child);
      return { names: [hex(child), 'mid/aaa'] };
    },
  },
  {
    id: 'child-deleted-everywhere',
    title: 'a child of a tagged index was deleted through the API, and is nowhere else',
    source: 'registry.md 2.4-8',
    expect: 'clean',
    check: ['warning sparse-index'],
    warns: true,
    collector: 'harmless',
    async build({ url }) {
      const { images } = await pushMultiArch(url, 'mid/multi', 'v1');
      const child = images[0]?.digest ?? '';
      await deleteManifest(url, 'mid/multi', child);
      return { names: [hex(child), 'mid/multi'] };
    },
  },
  {
    id: 'sparse-index-pushed',
    title: 'an index of which a child was never pushed',
    source: 'registry.md 7',
    majors: [3],
    needs3: 'only registry 3 can be told to take an index with absent children',
    config: { validation: { disabled: true } },
    expect: 'clean',
    check: ['warning sparse-index'],
    warns: true,
    collector: 'harmless',
    async build({ url }) {
      const present = await pushImage(url, 'mid/multi', undefined);
      const absent = { mediaType: mediaTypes.oci.image, digest: digestOf(noise('never pushed')), size: 300 };
      await pushIndex(url, 'mid/multi', 'v1', [present, absent]);
      return { names: [hex(absent.digest), 'mid/multi'] };
    },
  },
  {
    id: 'tagged-elsewhere',
    title: 'a manifest is untagged here and tagged in another repository',
    source: 'field.md e',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    deleteUntagged: 'harmless',
    async build({ url }) {
      const seed = 'shared';
      await pushImage(url, 'mid/aaa', 'v1', { seed });
      await pushImage(url, 'mid/bbb', undefined, { seed });
      await pushImage(url, 'mid/bbb', 'other');
      return {};
    },
  },
  {
    id: 'untagged-referrer',
    title: 'an untagged manifest has a tagged image, and one has a child of a tagged index, as its subject',
    source: 'field.md f',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    deleteUntagged: 'loses',
    async build({ url }) {
      const image = await pushImage(url, 'referred', 'v1');
      const sbom = await pushArtifact(url, 'referred', undefined, { subject: image });
      await pushArtifact(url, 'referred', undefined, {
        subject: sbom,
        artifactType: 'application/vnd.example.signature',
      });
      const { images } = await pushMultiArch(url, 'referred', 'multi');
      await pushArtifact(url, 'referred', undefined, { subject: images[1] });
      return {};
    },
  },
  {
    id: 'fallback-tag',
    title: 'referrers are held by the fallback tag of their subject, a signature by cosign’s',
    source: 'field.md g',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    deleteUntagged: { 2: 'loses', 3: 'harmless' },
    async build({ url }) {
      const image = await pushImage(url, 'referred', 'v1');
      const sbom = await pushArtifact(url, 'referred', undefined, { subject: image });
      await pushFallbackTag(url, 'referred', image, [sbom]);
      await pushCosign(url, 'referred', image);
      return {};
    },
  },
  {
    id: 'fallback-tag-left',
    title: 'the image is gone and the fallback tag of its referrers is left',
    source: 'field.md h',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    async build({ url }) {
      const image = await pushImage(url, 'referred', 'v1');
      const sbom = await pushArtifact(url, 'referred', undefined, { subject: image });
      await pushFallbackTag(url, 'referred', image, [sbom]);
      await deleteManifest(url, 'referred', image.digest);
      return {};
    },
  },
  {
    id: 'never-tagged',
    title: 'a repository has manifests and never had a tag',
    source: 'field.md l',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    deleteUntagged: { 2: 'aborts', 3: 'harmless' },
    async build({ url }) {
      await pushImage(url, 'untagged', undefined);
      return {};
    },
  },
  {
    id: 'all-untagged',
    title: 'a repository has lost all its tags',
    source: 'field.md o',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    deleteUntagged: 'harmless',
    async build(scene) {
      await pushMultiArch(scene.url, 'untagged', 'v1');
      await pushImage(scene.url, 'untagged', 'v2');
      await scene.offline();
      scene.remove(at.tag('untagged', 'v1'));
      scene.remove(at.tag('untagged', 'v2'));
      return {};
    },
  },
  {
    id: 'not-one-tag',
    title: 'there are manifests, and not one tag in the whole registry',
    source: 'registry.md 2.3',
    alone: true,
    expect: 'refuse',
    check: ['obstacle no-tags'],
    collector: 'harmless',
    async build(scene) {
      await pushImage(scene.url, 'untagged', 'v1');
      await pushImage(scene.url, 'untagged/too', undefined);
      await scene.offline();
      scene.remove(at.tag('untagged', 'v1'));
      return { place: `${at.repositories}/` };
    },
  },
  {
    id: 'foreign-layer',
    title: 'an image has a layer that is only a URL',
    source: 'registry.md 2.2',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    async build({ url }) {
      await pushImage(url, 'windows', 'docker', { dialect: 'docker', foreign: true });
      await pushImage(url, 'windows', 'oci', { foreign: true });
      return {};
    },
  },
  {
    id: 'helm-chart',
    title: 'a tag names what is no image, without a media type in its manifest',
    source: 'registry.md 2.2',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    async build({ url }) {
      const chart = await pushArtifact(url, 'charts/app', '1.0.0', {
        artifactType: 'application/vnd.cncf.helm',
      });
      const { mediaType, ...rest } = JSON.parse(new TextDecoder().decode(chart.bytes));
      await pushManifest(url, 'charts/app', '1.0.1', rest, mediaType);
      return {};
    },
  },
];
