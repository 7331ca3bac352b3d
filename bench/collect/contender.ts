import type { Binary } from '../../test/support/binary.ts';
import type { Home } from '../tree/home.ts';
import type { Measured, Surroundings } from './measure.ts';

/** What one measured run took. */
export interface Taken extends Measured {
  /** What counts, where that is not the whole process. */
  readonly seconds?: number;
  /** Seconds of its parts, by name. */
  readonly parts?: Readonly<Record<string, number>>;
}

/**
 * On which tree: base: as it is, only read. skew: only read, one repository has 90 %. copy: one of its own, which is
 * thrown away. closed: the same with 1 % of garbage.
 */
export type On = 'base' | 'skew' | 'copy' | 'closed';

export interface Contender {
  readonly id: string;
  readonly title: string;
  readonly on: On;
  readonly run: (home: Home) => Promise<Taken>;
}

/** What the contenders are made of. */
export interface Workshop extends Surroundings {
  readonly binaries: readonly [Binary, ...Binary[]];
  /** The compiled program. */
  readonly cli: () => string;
  /** Node's arguments for inventory and plan alone, of the compiled program. */
  readonly look: (root: string, collector: string) => readonly string[];
  /** A directory with files of the keys that go from a tree of this size, by kind. */
  readonly keys: () => string;
  /** Flags for Node in our own processes. */
  readonly nodeFlags: readonly string[];
}
