import { at, digestOf } from '../layout.ts';
import { noise, pushImage, pushIndex, startUpload } from '../push.ts';
import type { Hazard } from './hazard.ts';
import type { Scene } from './scene.ts';
import { overwritten } from './shared.ts';

/** Directories that are not there, and things that are where they do not belong. */
export const places: readonly Hazard[] = [
  {
    id: 'nothing-at-all',
    title: 'nobody ever pushed anything',
    source: 'field.md m',
    alone: true,
    expect: 'clean',
    check: [],
    nothingToDo: true,
    collector: 'aborts',
    async build(scene) {
      await scene.offline();
      return {};
    },
  },
  {
    id: 'empty-directories',
    title: 'everything was removed, empty repositories and blobs directories are left',
    source: 'registry.md 2.4-5',
    alone: true,
    expect: 'clean',
    check: [],
    nothingToDo: true,
    collector: 'harmless',
    async build(scene) {
      await scene.offline();
      scene.mkdir(at.repositories);
      scene.mkdir(at.blobs);
      return {};
    },
  },
  {
    id: 'no-blobs-directory',
    title: 'all that there is is an upload that goes on, so there are no blobs yet',
    source: 'registry.md 2.4-5',
    alone: true,
    expect: 'clean',
    check: [],
    nothingToDo: true,
    collector: 'aborts',
    async build(scene) {
      const { id } = await startUpload(scene.url, 'mid/app', noise('half'));
      await scene.offline();
      return { stays: [`${at.upload('mid/app', id)}/data`] };
    },
  },
  {
    id: 'no-repositories-directory',
    title: 'there are blobs, and no repositories directory',
    source: 'field.md m',
    alone: true,
    expect: 'refuse',
    check: ['error half-a-storage'],
    collector: 'aborts',
    async build(scene) {
      await overwritten(scene);
      scene.remove(at.repositories);
      return { names: [at.repositories] };
    },
  },
  {
    id: 'no-layers-directory',
    title: 'a repository with tags has no _layers directory',
    source: 'field.md j',
    expect: 'refuse',
    check: ['error layer-link-missing', 'obstacle no-layers-directory'],
    collector: { 2: 'loses', 3: 'aborts' },
    async build(scene) {
      await overwritten(scene);
      scene.remove(`${at.repository('mid/app')}/_layers`);
      return { names: [at.repository('mid/app')] };
    },
  },
  {
    id: 'empty-index-only',
    title: 'a repository holds nothing but an empty index, so it never had a _layers directory',
    source: 'registry.md 2.4-3',
    expect: 'refuse',
    check: ['obstacle no-layers-directory'],
    collector: { 2: 'loses', 3: 'aborts' },
    async build(scene) {
      await pushIndex(scene.url, 'mid/app', 'v1', []);
      await scene.offline();
      return { names: [at.repository('mid/app')] };
    },
  },
  {
    id: 'no-manifests-directory',
    title: 'the _manifests directory of a repository is gone, its _layers are left',
    source: 'registry.md 2.4-3',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    deleteUntagged: { 2: 'harmless', 3: 'harmless' },
    async build(scene) {
      await overwritten(scene);
      scene.remove(`${at.repository('mid/app')}/_manifests`);
      return {};
    },
  },
  ...badName('upper-case', 'has capitals in its name', 'Upper Case', 'Upper Case'),
  ...badName('escape', 'has an ESC and a newline in its name', 'esc\u001b[31m\nname', 'esc'),
  {
    id: 'lost-and-found',
    title: 'the volume is the root of a file system: lost+found lies around',
    source: 'registry.md 1',
    expect: 'clean',
    check: ['warning stray'],
    collector: 'harmless',
    async build(scene) {
      await overwritten(scene);
      const around = ['', `${at.repositories}/`, `${at.blobs}/`];
      for (const directory of around) scene.mkdir(`${directory}lost+found`);
      const notes = around.map((directory) => `${directory}.snapshot/notes.txt`);
      for (const path of notes) scene.write(path, 'by hand');
      return { stays: notes };
    },
  },
  {
    id: 'foreign-algorithm',
    title: 'a file named data lies under blobs where no digest is',
    source: 'registry.md 1',
    expect: 'refuse',
    check: ['obstacle misplaced'],
    collector: 'aborts',
    async build(scene) {
      await overwritten(scene);
      scene.write(`${at.blobs}/foo/data`, 'foo');
      return { names: [`${at.blobs}/foo/data`] };
    },
  },
  {
    id: 'data-without-digest',
    title: 'a file named data lies in one of the two-letter directories',
    source: 'registry.md 1',
    expect: 'refuse',
    check: ['obstacle misplaced'],
    collector: 'aborts',
    async build(scene) {
      const { now } = await overwritten(scene);
      const path = at.blob(now.digest).replace(/[0-9a-f]{64}\/data$/, 'data');
      scene.write(path, 'stray');
      return { names: [path] };
    },
  },
  {
    id: 'symlinked-repository',
    title: 'a repository is a symlink to where somebody moved it',
    source: 'registry.md 1',
    expect: 'refuse',
    check: ['obstacle symlink'],
    collector: 'harmless',
    async build(scene) {
      await overwritten(scene);
      scene.move(at.repository('mid/app'), 'elsewhere/app');
      scene.symlink(at.repository('mid/app'), '../../../../../elsewhere/app');
      return { names: [at.repository('mid/app')] };
    },
  },
  symlinkedBlob('symlinked-blob', 'the data of a layer', (path) => path),
  symlinkedBlob('symlinked-blob-directory', 'a two-letter directory of blobs', (path) =>
    path.replace(/\/[0-9a-f]{64}\/data$/, ''),
  ),
  {
    id: 'symlinked-manifest',
    title: 'the data of a manifest is a symlink to where somebody moved it',
    source: 'registry.md 1',
    expect: 'refuse',
    check: ['obstacle symlink'],
    collector: 'harmless',
    async build(scene) {
      const { now } = await overwritten(scene);
      const path = at.blob(now.digest);
      scene.move(path, 'elsewhere/manifest');
      scene.symlink(path, `${'../'.repeat(path.split('/').length - 1)}elsewhere/manifest`);
      return { names: [path], place: path };
    },
  },
  {
    id: 'symlinked-layer-links',
    title: 'the _layers of a repository is a symlink to where somebody moved it',
    source: 'registry.md 1',
    expect: 'refuse',
    check: ['obstacle symlink'],
    collector: 'harmless',
    async build(scene) {
      await overwritten(scene);
      const path = `${at.repository('mid/app')}/_layers`;
      scene.move(path, 'elsewhere/_layers');
      scene.symlink(path, `${'../'.repeat(path.split('/').length - 1)}elsewhere/_layers`);
      return { names: [path], place: path };
    },
  },
  {
    id: 'fifo-for-a-blob',
    title: 'the data of a blob that nobody names is a FIFO',
    source: 'registry.md 1',
    expect: 'refuse',
    check: ['obstacle special'],
    collector: 'harmless',
    async build(scene) {
      await overwritten(scene);
      const path = at.blob(digestOf(noise('fifo')));
      scene.fifo(path);
      return { names: [path] };
    },
  },
];

/** A directory with a name that no repository can have; empty of what would make it one, and not. */
function badName(id: string, what: string, name: string, visible: string): readonly Hazard[] {
  return [
    {
      id: `${id}-directory`,
      title: `a directory ${what}, and is no repository`,
      source: 'registry.md 1',
      expect: 'clean',
      check: ['warning stray'],
      collector: 'harmless',
      async build(scene: Scene) {
        await overwritten(scene);
        const notes = `${at.repositories}/${name}/notes.txt`;
        scene.write(notes, 'by hand');
        return { stays: [notes] };
      },
    },
    {
      id: `${id}-repository`,
      title: `a repository ${what}`,
      source: 'registry.md 1',
      expect: 'refuse',
      check: ['obstacle invalid-repository'],
      collector: 'aborts',
      async build(scene: Scene) {
        await pushImage(scene.url, 'mid/copy', 'v1');
        await overwritten(scene);
        scene.move(at.repository('mid/copy'), at.repository(name));
        return { names: [`${at.repositories}/${visible}`] };
      },
    },
  ];
}

/** A blob, or a directory of them, was moved to another place and a symlink left for it. */
function symlinkedBlob(id: string, what: string, part: (path: string) => string): Hazard {
  return {
    id,
    title: `${what} is a symlink to where somebody moved it`,
    source: 'registry.md 1',
    expect: 'refuse',
    check: ['obstacle symlink'],
    collector: 'harmless',
    async build(scene) {
      const { now } = await overwritten(scene);
      const path = part(at.blob(now.blobs[1] ?? ''));
      scene.move(path, 'elsewhere/blob');
      scene.symlink(path, `${'../'.repeat(path.split('/').length - 1)}elsewhere/blob`);
      return { names: [path] };
    },
  };
}
