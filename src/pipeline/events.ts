import type { StepId } from './steps.ts';

/** What happens while it runs. Views draw from these alone; nothing in them steers. Texts may hold raw names: views make them visible. */
export type Event =
  | { readonly type: 'step-started'; readonly id: StepId }
  /** `note`: what came of it, in a few words ("25 manifests, 120 layer links"). */
  | {
      readonly type: 'step-ended';
      readonly id: StepId;
      readonly outcome: StepOutcome;
      readonly seconds: number;
      readonly note?: string;
    }
  /** `done` of `total` (unknown total: undefined), bytes so far where bytes are the measure. `text`: the noun of `done` ("manifests"), or a phrase where there is no count. */
  | {
      readonly type: 'progress';
      readonly id: StepId;
      readonly done?: number;
      readonly total?: number;
      readonly bytes?: number;
      readonly text?: string;
    }
  /** A line of a program that we run (the collector, a start command). */
  | { readonly type: 'output'; readonly id: StepId; readonly line: string }
  | { readonly type: 'warning'; readonly text: string }
  | {
      readonly type: 'undo';
      readonly id: StepId;
      readonly outcome: 'started' | 'ok' | 'failed';
      readonly reason?: string;
    };

export type StepOutcome = 'ok' | 'skipped' | 'failed' | 'interrupted';

export type Emit = (event: Event) => void;
