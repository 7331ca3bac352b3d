import { at } from '../layout.ts';
import { deleteManifest, noise, pushBlob, pushImage, startUpload } from '../push.ts';
import type { Hazard } from './hazard.ts';
import { overwritten } from './shared.ts';

/** What broken-off pushes, crashes and earlier cleanings leave behind. All of it is to be cleaned, or let be. */
export const leftovers: readonly Hazard[] = [
  {
    id: 'failed-push',
    title: 'a push broke off after its layers: the repository has layer links only',
    source: 'field.md p',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    async build({ url }) {
      await pushBlob(url, 'mid/failed', noise('first'));
      await pushBlob(url, 'mid/failed', noise('second'));
      return {};
    },
  },
  {
    id: 'uploads',
    title: 'uploads were never finished, old ones and one of just now',
    source: 'field.md q',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    async build(scene) {
      await pushImage(scene.url, 'mid/app', 'v1');
      const old = await startUpload(scene.url, 'mid/app', noise('old'));
      const unsent = await startUpload(scene.url, 'mid/uploads');
      const young = await startUpload(scene.url, 'mid/app', noise('young'));
      await scene.offline();
      const goes = [at.upload('mid/app', old.id), at.upload('mid/uploads', unsent.id)];
      for (const upload of goes) {
        scene.write(`${upload}/startedat`, '2020-01-02T03:04:05Z');
        scene.age(upload, 2000);
      }
      return { goes, stays: [`${at.upload('mid/app', young.id)}/data`] };
    },
  },
  {
    id: 'temporary-files',
    title: 'registry 3 crashed before it renamed what it had written',
    source: 'registry.md 1',
    expect: 'clean',
    check: ['warning temporary'],
    collector: 'harmless',
    async build(scene) {
      const { old, now } = await overwritten(scene);
      const suffix = '0197c5a2-7c3e-7a52-8f0e-3f1d2c4b5a69.tmp';
      scene.write(`${at.revision('mid/app', now.digest)}.${suffix}`, 'sha2');
      scene.write(`${at.current('mid/app', 'v1')}.${suffix}`, '');
      scene.write(`${at.layer('mid/app', now.blobs[1] ?? '')}.${suffix}`, '');
      scene.write(`${at.blob(old.digest)}.${suffix}`, old.bytes.slice(0, 100));
      scene.write(`${at.current('mid/app', 'v2')}.${suffix}`, '');
      return {};
    },
  },
  {
    id: 'empty-repositories',
    title: 'empty repository directories, whole and bare',
    source: 'registry.md 2.1',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    async build(scene) {
      await overwritten(scene);
      scene.mkdir(at.repository('mid/bare/nested'));
      scene.mkdir(`${at.repository('mid/hollow')}/_uploads`);
      scene.mkdir(`${at.repository('mid/hollow')}/_layers/sha256`);
      scene.mkdir(`${at.repository('mid/hollow')}/_manifests/revisions/sha256`);
      scene.mkdir(`${at.repository('mid/hollow')}/_manifests/tags`);
      return {};
    },
  },
  {
    id: 'deleted-by-api',
    title:
      'everything of a repository was deleted through the API: layer links and empty directories are left',
    source: 'registry.md 1',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    async build({ url }) {
      const image = await pushImage(url, 'mid/app', 'v1');
      await deleteManifest(url, 'mid/app', image.digest);
      return {};
    },
  },
  {
    id: 'nested-repositories',
    title: 'an empty repository has a nested one that is in use',
    source: 'registry.md 1',
    expect: 'clean',
    check: [],
    collector: 'harmless',
    async build({ url }) {
      const image = await pushImage(url, 'mid', 'v1');
      await pushImage(url, 'mid/app', 'v1');
      await pushImage(url, 'mid/app/nested', 'v1');
      await deleteManifest(url, 'mid', image.digest);
      return {};
    },
  },
];
