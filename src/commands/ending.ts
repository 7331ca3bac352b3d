import type { CleanupError } from '../errors.ts';
import type { StepRecord } from '../pipeline/pipeline.ts';
import type { ReportDocument } from '../report/document.ts';
import type { Ending } from '../report/draft.ts';

/** Exit code and outcome of a run that ended well, or with `error`. */
export function endingOf(
  outcome: 'ok' | 'nothing-to-do' | 'empty' | 'partial',
  error: CleanupError | undefined,
  steps: readonly StepRecord[],
): Ending {
  if (error !== undefined) return { outcome: outcomeOf(error), error, exitCode: error.exitCode, steps };
  return { outcome, error, exitCode: outcome === 'partial' ? 3 : 0, steps };
}

function outcomeOf(error: CleanupError): ReportDocument['outcome'] {
  switch (error.exitCode) {
    case 20:
      return 'not-restored';
    case 21:
      return 'lost';
    case 6:
      return 'refused';
    case 7:
      return 'partial';
    case 130:
    case 143:
      return 'interrupted';
    default:
      return 'failed';
  }
}
