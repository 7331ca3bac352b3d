import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { at } from './layout.ts';
import { now, type RandomRegistry, randomRegistry, write } from './random-registry.ts';

/** What a millisecond of a random registry's ages is on a real disk: long enough that a test makes nothing older. */
const minutes = 10;
const unit = minutes * 60_000;

/** An unfinished upload, and how old it is, in the registry's unit. */
export interface RandomUpload {
  readonly repository: string;
  readonly age: number;
}

/** A random registry with unfinished uploads, and how a run shall go about it. */
export interface RandomScenario {
  readonly registry: RandomRegistry;
  readonly uploads: readonly RandomUpload[];
  /** In the registry's unit. */
  readonly keepUploads: number;
  readonly removeEmpty: boolean;
}

/** `youngest`: the least age of an upload; below 0 is in the future. */
export function randomScenario(youngest: number): fc.Arbitrary<RandomScenario> {
  return fc.record({
    registry: randomRegistry,
    uploads: fc.array(
      fc.record({
        repository: fc.constantFrom('app', 'app/nested', 'pushed/only'),
        age: fc.integer({ min: youngest, max: 2_000 }),
      }),
      { maxLength: 3 },
    ),
    keepUploads: fc.constantFrom(0, 1_000, 3_000),
    removeEmpty: fc.boolean(),
  });
}

/** So many of a random registry's units, as a configuration says it. */
export function durationOf(units: number): string {
  return `${units * minutes}m`;
}

/**
 * Writes a random registry below `root`, with times as old as it says. `_layers` and `tags`, which a registry makes
 * when it takes an image, are there even where nothing is in them. Of blobs and layer links, which it calls old
 * throughout, every other one is new, by its digest: no matter how old they are, the collector takes them.
 */
export function writeRealTree(
  root: string,
  registry: RandomRegistry,
  uploads: readonly RandomUpload[] = [],
): void {
  const today = Date.now();
  const put = (key: string, content: string, modified: number): void => {
    const path = join(root, key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    const age = /(?:_layers|blobs)\/.*[02468ace]\/(?:link|data)$/.test(key) ? 1 : now - modified;
    const seconds = (today - age * unit) / 1000;
    utimesSync(path, seconds, seconds);
  };
  for (const area of [at.repositories, at.blobs]) mkdirSync(join(root, area), { recursive: true });
  write(registry, { put });
  for (const { name, revisions } of registry.repositories) {
    if (revisions.size === 0) continue;
    for (const needed of ['_layers', '_manifests/tags']) {
      mkdirSync(join(root, at.repository(name), needed), { recursive: true });
    }
  }
  for (const [number, { repository, age }] of uploads.entries()) {
    const upload = at.upload(repository, `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`);
    const started = new Date(today - age * unit).toISOString().replace(/\.\d+Z$/, 'Z');
    put(`${upload}/startedat`, started, now - age);
    put(`${upload}/data`, 'x'.repeat(number), now - age);
  }
}
