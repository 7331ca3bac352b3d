import { at } from '../layout.ts';
import { type Pushed, pushImage } from '../push.ts';
import type { Hazard, PerMajor, Verdict } from './hazard.ts';
import { named, overwritten } from './shared.ts';

/** Links that do not say what they should. */
export const links: readonly Hazard[] = [
  ...spoilt('empty', 'field.md i', 'is empty', () => ''),
  ...spoilt('newline', 'registry.md 1', 'ends with a newline', (digest) => `${digest}\n`),
  {
    id: 'empty-untagged-revision-link',
    title: 'the revision link of an untagged manifest is empty',
    source: 'field.md i',
    expect: 'refuse',
    check: ['obstacle malformed-link'],
    collector: 'aborts',
    async build(scene) {
      const { old } = await overwritten(scene);
      const path = at.revision('mid/app', old.digest);
      scene.write(path, '');
      return { names: [path] };
    },
  },
  {
    id: 'revision-link-of-another',
    title: 'a revision link names another manifest than its path',
    source: 'registry.md 1',
    expect: 'refuse',
    check: ['obstacle link-mismatch'],
    collector: 'harmless',
    async build(scene) {
      const { old, now } = await overwritten(scene);
      const path = at.revision('mid/app', old.digest);
      scene.write(path, now.digest);
      return { names: [path] };
    },
  },
  {
    id: 'empty-history-link',
    title: 'an entry of a tag’s history is empty',
    source: 'registry.md 2.3',
    expect: 'clean',
    check: ['warning malformed-history'],
    collector: 'harmless',
    deleteUntagged: 'harmless',
    async build(scene) {
      const { old } = await overwritten(scene);
      scene.write(at.history('mid/app', 'v1', old.digest), '');
      return { place: at.history('mid/app', 'v1', old.digest) };
    },
  },
  {
    id: 'tag-without-revision',
    title: 'a tag names a manifest whose revision link is gone',
    source: 'field.md r',
    expect: 'refuse',
    check: ['error tag-without-revision'],
    collector: 'loses',
    async build(scene) {
      const { now } = await overwritten(scene);
      scene.remove(at.revision('mid/app', now.digest));
      return { names: named('mid/app', 'v1', now.digest), place: at.current('mid/app', 'v1') };
    },
  },
  {
    id: 'tag-through-layers',
    title: 'a tag’s manifest is linked in _layers only, as registry 2.1.0 did',
    source: 'registry.md 2.4-7',
    expect: 'refuse',
    check: ['error tag-through-layers'],
    collector: 'loses',
    async build(scene) {
      const { now } = await overwritten(scene);
      scene.move(at.revision('mid/app', now.digest), at.layer('mid/app', now.digest));
      return { names: named('mid/app', 'v1', now.digest), place: at.current('mid/app', 'v1') };
    },
  },
  {
    id: 'layer-link-missing',
    title: 'the link of a layer that a tag needs is gone',
    source: 'registry.md 1',
    expect: 'refuse',
    check: ['error layer-link-missing'],
    collector: 'harmless',
    async build(scene) {
      const { now } = await overwritten(scene);
      const layer = now.blobs[1] ?? '';
      scene.remove(at.layer('mid/app', layer));
      return { names: named('mid/app', 'v1', layer), place: at.layer('mid/app', layer) };
    },
  },
  {
    id: 'tag-without-current',
    title: 'a tag directory has a history and no current link',
    source: 'field.md n',
    expect: 'clean',
    check: ['warning tag-without-current'],
    collector: 'harmless',
    deleteUntagged: 'harmless',
    async build(scene) {
      await pushImage(scene.url, 'mid/app', 'gone');
      await overwritten(scene);
      scene.remove(at.current('mid/app', 'gone'));
      return { place: at.current('mid/app', 'gone') };
    },
  },
  {
    id: 'revision-without-link',
    title: 'a revision directory has no link, as after a deletion through the API',
    source: 'field.md n',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    deleteUntagged: 'harmless',
    async build(scene) {
      const { old } = await overwritten(scene);
      scene.remove(at.revision('mid/app', old.digest));
      scene.mkdir(at.revision('mid/app', old.digest).replace(/\/link$/, ''));
      return {};
    },
  },
  {
    id: 'fifo-for-a-link',
    title: 'a revision link is a FIFO',
    source: 'registry.md 1',
    expect: 'refuse',
    check: ['obstacle special'],
    collector: 'hangs',
    async build(scene) {
      const { old } = await overwritten(scene);
      const path = at.revision('mid/app', old.digest);
      scene.remove(path);
      scene.fifo(path);
      return { names: [path] };
    },
  },
];

/** The three kinds of link that must not be spoilt, each spoilt. */
function spoilt(
  id: string,
  source: string,
  what: string,
  spoil: (digest: string) => string,
): readonly Hazard[] {
  const kinds: readonly {
    readonly id: string;
    readonly title: string;
    readonly collector: PerMajor<Verdict>;
    readonly deleteUntagged?: PerMajor<Verdict>;
    readonly path: (now: Pushed) => { readonly path: string; readonly digest: string };
  }[] = [
    {
      id: 'revision-link',
      title: 'the revision link of a tagged manifest',
      collector: 'aborts',
      path: (now) => ({ path: at.revision('mid/app', now.digest), digest: now.digest }),
    },
    {
      id: 'tag-link',
      title: 'the link of a tag',
      collector: 'harmless',
      deleteUntagged: 'aborts',
      path: (now) => ({ path: at.current('mid/app', 'v1'), digest: now.digest }),
    },
    {
      id: 'layer-link',
      title: 'the link of a layer that a tag needs',
      collector: { 2: 'harmless', 3: 'aborts' },
      path: ({ blobs: [, layer = ''] }) => ({ path: at.layer('mid/app', layer), digest: layer }),
    },
  ];
  return kinds.map((kind) => ({
    id: `${id}-${kind.id}`,
    title: `${kind.title} ${what}`,
    source: kind.id === 'tag-link' ? 'registry.md 2.3' : source,
    expect: 'refuse',
    check: ['error malformed-link'],
    collector: kind.collector,
    ...(kind.deleteUntagged === undefined ? {} : { deleteUntagged: kind.deleteUntagged }),
    async build(scene) {
      const { now } = await overwritten(scene);
      const { path, digest } = kind.path(now);
      scene.write(path, spoil(digest));
      return { names: [path] };
    },
  }));
}
