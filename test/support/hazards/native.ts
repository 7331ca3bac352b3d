import type { Major } from '../binary.ts';
import { forMajor, type Hazard } from './hazard.ts';

/*
 * What the native collector does with the hazards that a run with the registry's own refuses. Whatever is cleaned with
 * that is cleaned with the native one as well.
 */

/** Nothing is damaged: they only stand in the way of the registry's collector. */
const cleaned: ReadonlySet<string> = new Set([
  'tagged-schema1',
  'sha512-layer',
  'empty-index-only',
  'foreign-algorithm',
  'data-without-digest',
]);

/** No repository to leave alone, all of them in doubt, or links that nobody can follow: refused whatever `damage` says. */
const refused: ReadonlySet<string> = new Set([
  'not-one-tag',
  'no-repositories-directory',
  'blobs-gone',
  'upper-case-repository',
  'escape-repository',
  'symlinked-repository',
  'symlinked-blob',
  'symlinked-blob-directory',
  'symlinked-manifest',
  'symlinked-layer-links',
  'fifo-for-a-blob',
]);

/** The repository that every other one of them damages. */
export const damagedRepository = 'mid/app';

export type Natively = 'clean' | 'isolate' | 'refuse';

/** `isolate`: refused with `damage: stop`, and with `isolate` left alone while the others are cleaned. */
export function natively(hazard: Hazard, major: Major): Natively {
  if (forMajor(hazard.expect, major) === 'clean' || cleaned.has(hazard.id)) return 'clean';
  return refused.has(hazard.id) ? 'refuse' : 'isolate';
}

/** Whether the registry's own collector does harm there, or none at all of its work, in one way or another. */
export function harms(hazard: Hazard, major: Major): boolean {
  const verdicts = [
    hazard.collector,
    ...(hazard.deleteUntagged === undefined ? [] : [hazard.deleteUntagged]),
  ];
  return verdicts.some((verdict) => forMajor(verdict, major) !== 'harmless');
}
