import type { Deed } from '../deed.ts';
import { CleanupError, isLitter, reasonOf } from '../errors.ts';
import type { Emit, StepOutcome } from './events.ts';
import type { Journal } from './journal.ts';
import { mustBeGone, type StepId, timed } from './steps.ts';

export interface StepContext {
  readonly signal: AbortSignal;
  progress(figures: { done?: number; total?: number; bytes?: number; text?: string }): void;
  output(line: string): void;
  /** What came of the step, in a few words. The last one counts. */
  note(text: string): void;
}

export interface StepRecord {
  readonly id: StepId;
  readonly seconds: number;
  readonly outcome: StepOutcome;
  readonly note?: string;
}

export interface UndoFailure {
  readonly step: StepId;
  readonly error: unknown;
}

interface Undo {
  readonly step: StepId;
  readonly undo: () => Promise<void>;
  readonly journaled: number | undefined;
  /** Told by another undo of the same step. */
  readonly quiet?: boolean;
}

/**
 * Runs thunks in order and keeps the stack of what must be undone. It knows order, time, undo and interruption, and
 * nothing of registries: values flow from step to step as what `step` returns.
 */
export class Pipeline {
  readonly records: StepRecord[] = [];
  readonly #emit: Emit;
  readonly #signal: AbortSignal;
  /** Aborted by interruption and when the time is up. */
  readonly #untilDeadline: AbortSignal;
  readonly #undos: Undo[] = [];
  #journal: Journal | undefined;

  constructor(options: {
    readonly emit: Emit;
    /** Interrupts. */
    readonly signal: AbortSignal;
    /** Aborted when the time is up, with what is to be thrown then. */
    readonly deadline?: AbortSignal;
  }) {
    const { emit, signal, deadline } = options;
    this.#emit = emit;
    this.#signal = signal;
    this.#untilDeadline = deadline === undefined ? signal : AbortSignal.any([signal, deadline]);
  }

  /** From here on deeds are journaled. */
  journalTo(journal: Journal): void {
    this.#journal = journal;
  }

  /**
   * Runs one step. Not begun once interrupted, or out of time where that counts; an interruption during it counts as
   * such, whatever it threw.
   */
  async step<T>(id: StepId, work: (context: StepContext) => Promise<T>): Promise<T> {
    this.#signalOf(id).throwIfAborted();
    return this.#timed(id, work);
  }

  /** Runs a step that an interruption neither prevents nor ends. */
  async lastStep<T>(id: StepId, work: (context: StepContext) => Promise<T>): Promise<T> {
    return this.#timed(id, work, false);
  }

  /** Tells that a step is not needed, and why. */
  skip(id: StepId, note: string): void {
    this.#emit({ type: 'step-started', id });
    this.#end(id, 'skipped', 0, note);
  }

  /** Pushes the undo, journals it, then does the deed. `quiet`: that it is undone well goes without saying. */
  async deed<T>(step: StepId, deed: Deed<T>, { quiet = false } = {}): Promise<T> {
    const journaled = await this.#journal?.deed(step, deed.memo);
    this.#undos.push({ step, undo: () => deed.undo(), journaled, quiet });
    const signal = this.#signalOf(step);
    signal.throwIfAborted();
    return deed.do(signal);
  }

  /** Pushes an undo that needs no journal (the lock is its own). */
  defer(step: StepId, undo: () => Promise<void>): void {
    this.#undos.push({ step, undo, journaled: undefined });
  }

  /** Undoes everything, newest first; one failure stops nothing but what would do harm. Never interrupted. */
  async undoAll(): Promise<readonly UndoFailure[]> {
    if (this.#undos.length === 0) return [];
    const failures: UndoFailure[] = [];
    const undoing = async (): Promise<void> => {
      for (let undo = this.#undos.pop(); undo !== undefined; undo = this.#undos.pop()) {
        const { quiet = false } = undo;
        if (!quiet) this.#emit({ type: 'undo', id: undo.step, outcome: 'started' });
        try {
          await this.#undo(undo);
          if (!quiet) this.#emit({ type: 'undo', id: undo.step, outcome: 'ok' });
        } catch (error) {
          failures.push({ step: undo.step, error });
          this.#emit({ type: 'undo', id: undo.step, outcome: 'failed', reason: reasonOf(error) });
          if (mustBeGone.has(undo.step)) this.#undos.length = 0;
        }
      }
      if (failures.length > 0) throw new UndoError();
    };
    await this.lastStep('restore', undoing).catch((error: unknown) => {
      if (!(error instanceof UndoError)) throw error;
    });
    return failures;
  }

  async #undo(undo: Undo): Promise<void> {
    await undo.undo().catch((error: unknown) => {
      if (!isLitter(error)) throw error;
      this.#emit({ type: 'warning', text: error.message });
    });
    if (undo.journaled === undefined) return;
    try {
      await this.#journal?.undone(undo.journaled);
    } catch (error) {
      // Undone it is, and undoing it once more would do no harm: a full disk must not keep the registry closed.
      const text = `the journal does not know that "${undo.step}" is undone: ${reasonOf(error)}`;
      this.#emit({ type: 'warning', text });
    }
  }

  #signalOf(id: StepId): AbortSignal {
    return timed.has(id) ? this.#untilDeadline : this.#signal;
  }

  async #timed<T>(id: StepId, work: (context: StepContext) => Promise<T>, interruptible = true): Promise<T> {
    const started = performance.now();
    const signal = this.#signalOf(id);
    let note: string | undefined;
    this.#emit({ type: 'step-started', id });
    const seconds = (): number => (performance.now() - started) / 1000;
    try {
      const value = await work({
        signal,
        progress: (figures) => this.#emit({ type: 'progress', id, ...figures }),
        output: (line) => this.#emit({ type: 'output', id, line }),
        note: (text) => {
          note = text;
        },
      });
      this.#end(id, 'ok', seconds(), note);
      return value;
    } catch (error) {
      const interrupted = interruptible && signal.aborted && !isLoss(error);
      const outcome = interrupted ? 'interrupted' : 'failed';
      this.#end(
        id,
        outcome,
        seconds(),
        note ?? (error instanceof CleanupError ? undefined : reasonOf(error)),
      );
      throw interrupted ? signal.reason : error;
    }
  }

  #end(id: StepId, outcome: StepOutcome, seconds: number, note?: string): void {
    this.records.push({ id, seconds, outcome, note });
    this.#emit({ type: 'step-ended', id, outcome, seconds, note });
  }
}

/** What must be told even when the run was interrupted at the same moment. */
function isLoss(error: unknown): boolean {
  return error instanceof CleanupError && (error.code === 'VERIFY_FAILED' || error.code === 'NOT_RESTORED');
}

/** Marks the restore step as failed; what failed is in the list that `undoAll` returns. */
class UndoError extends Error {}
