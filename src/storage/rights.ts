/** A class of files that are alike in who made them: one of them tells of all. */
export interface RightsKind {
  /** For people: `tags`. */
  readonly name: string;
  /**
   * Where they lie, as a key: `*` is any name, `**` any path of names that do not begin with `_`. What ends with `/`
   * is a directory whose content is removed; otherwise it is a file, removed from its directory.
   */
  readonly pattern: string;
}

export interface RightsQuestion {
  readonly driver: 'filesystem';
  readonly root: string;
  readonly kinds: readonly RightsKind[];
  /** Our own directory; it need not exist. */
  readonly stateDirectory: string;
  /** Whether anything is to be removed or written; otherwise only reading is asked for. */
  readonly writes: boolean;
}

/** The kind of denials that concern the state directory. */
export const stateKind = 'state';

/** Something that we may not do. */
export interface Denial {
  /** Name of the kind, or `stateKind`. */
  readonly kind: string;
  /** For people: an absolute path. */
  readonly path: string;
  readonly deed: 'read' | 'write';
  /** `sticky`: in this directory, only owners may remove. */
  readonly because: 'rights' | 'sticky' | 'read-only' | 'immutable';
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Permission bits. */
  readonly mode: number;
}

/** As whom we look, with the capabilities that matter here (capabilities(7)). */
export interface Who {
  readonly uid: number;
  readonly gid: number;
  /** CAP_DAC_OVERRIDE: permission bits are no obstacle. */
  readonly overridesRights: boolean;
  /** CAP_FOWNER: the sticky bit is none. */
  readonly overridesSticky: boolean;
}

export interface Rights {
  readonly who: Who;
  readonly denials: readonly Denial[];
}
