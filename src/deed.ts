/** JSON that recovery can act on without the process that wrote it. Holds no secrets. */
export type Memo = { readonly kind: string; readonly [key: string]: unknown };

/** Something that must be undone. The undo is pushed, and journaled with its memo, before `do` begins. */
export interface Deed<T = void> {
  /** All that undoing needs, from the journal alone. */
  readonly memo: Memo;
  /** Does it. `signal` ends it early; whatever was done by then is the undo's business. */
  do(signal: AbortSignal): Promise<T>;
  /** Puts back what was. Idempotent; gets no signal; safe when `do` never began. */
  undo(): Promise<void>;
}
