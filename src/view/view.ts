import type { Emit } from '../pipeline/events.ts';

/** What draws a run while it runs. It never steers: nothing in it throws into whoever emits. */
export interface View {
  readonly emit: Emit;
  /** Draws what is left, gives the terminal back and ends. Later events are dropped. A second call changes nothing. */
  close(): Promise<void>;
}
