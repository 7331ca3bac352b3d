import type { Major } from '../binary.ts';
import type { Scene } from './scene.ts';

/** The same for both registry majors, or one for each. */
export type PerMajor<T> = T | { readonly 2: T; readonly 3: T };

/**
 * What the program must do, with `untagged.keepWithin` of 0: `clean` (exit 0, no tag lost, nothing unreachable left)
 * or `refuse` (exit 6, the tree unchanged to the byte).
 */
export type Expectation = 'clean' | 'refuse';

/**
 * What the registry's own collector does: something is lost that a tag needed and had (`loses`, whatever the exit
 * code), nothing is but it fails (`aborts`), it does not end (`hangs`), or all is well (`harmless`: as far as the
 * damage lets anybody tell what the tags need).
 */
export type Verdict = 'harmless' | 'aborts' | 'loses' | 'hangs';

/**
 * What `check` tells, each kind once with its severity: `error` (exit 21), `obstacle` (exit 6, and only then does a run
 * refuse) or `warning` (exit 0). Nothing in a registry that is whole, whatever litter there is.
 */
export type Told = `${'error' | 'obstacle' | 'warning'} ${string}`;

/** What was made. Paths are below the driver's root. */
export interface Built {
  /** Where `check` must see the first of what it tells. */
  readonly place?: string;
  /**
   * What a refusal, or the warning of a hazard that `warns`, must name: one of these occurs in it. Of a digest it is
   * the hex part, which is in every path of it as well.
   */
  readonly names?: readonly string[];
  /** What a clean run must have removed, besides all that is unreachable. */
  readonly goes?: readonly string[];
  /** What a clean run must have let be, besides all that the tags need. */
  readonly stays?: readonly string[];
}

/** A storage as it is met in the field. */
export interface Hazard {
  readonly id: string;
  readonly title: string;
  /** Where it was found: a row of the field study's table, a section of the registry study. */
  readonly source: string;
  readonly expect: PerMajor<Expectation>;
  readonly check: PerMajor<readonly Told[]>;
  /** `check` tells it only where it reads every byte; without that, and by a run, nothing is seen. */
  readonly hidden?: boolean;
  /** `garbage-collect`, and where it matters `garbage-collect --delete-untagged`. */
  readonly collector: PerMajor<Verdict>;
  readonly deleteUntagged?: PerMajor<Verdict>;
  /** Only these registries can be made to hold it; all, by default. */
  readonly majors?: readonly Major[];
  /** Why only registry 3, or only registry 2, can make it. */
  readonly needs3?: string;
  readonly needs2?: string;
  /** A clean run, but one that must speak of what it met. */
  readonly warns?: boolean;
  /** There is nothing to remove: the tree must stay as it is. */
  readonly nothingToDo?: boolean;
  /** The storage holds nothing but this: no healthy repositories before and after it. */
  readonly alone?: boolean;
  /** Laid over the registry's configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Makes it: pushes first, then touches files. */
  build(scene: Scene): Promise<Built>;
}

/** The value for one major. */
export function forMajor<T extends string | readonly string[]>(value: PerMajor<T>, major: Major): T {
  return typeof value === 'object' && '2' in value && '3' in value && !Array.isArray(value)
    ? (value as { readonly 2: T; readonly 3: T })[major]
    : (value as T);
}
