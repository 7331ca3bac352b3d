import { CleanupError, type ExitCode } from '../../errors.ts';
import {
  type CheckId,
  type DoctorCheck,
  type DoctorFinding,
  doctorChecks,
} from '../../report/doctor-document.ts';
import { linesOf } from '../../report/error.ts';

/** Where a check writes down what it sees. */
export interface Notes {
  /** What was seen, in a line. The last one counts. */
  seen(text: string): void;
  /** There is nothing to this check here, or it cannot be done: why. */
  skip(why: string): void;
  /** It would end a run with `exitCode`. */
  fault(exitCode: ExitCode, text: string, cure?: readonly string[], details?: readonly string[]): void;
  notice(text: string, cure?: readonly string[]): void;
  /** Does `work`. What it throws of the catalogue would end a run, too, and is written down; then undefined. */
  attempt<T>(work: () => Promise<T> | T): Promise<T | undefined>;
}

/** What all checks came to. One that fails stops no other. */
export interface Sheet {
  /** Does one check; undefined where it failed. Throws what is no error of the catalogue, and an interruption. */
  check<T>(id: CheckId, work: (notes: Notes) => Promise<T> | T): Promise<T | undefined>;
  /** Every check that was not done, and why it cannot be. */
  skipOthers(why: string): void;
  /** In the order in which they are told. */
  checks(): readonly DoctorCheck[];
  /** With which a run would end that meets its checks in this order; 0 where nothing would stop it. */
  exitCode(order: readonly CheckId[]): ExitCode;
}

export function openSheet(signal: AbortSignal): Sheet {
  const checks = new Map<CheckId, DoctorCheck>();
  const codes = new Map<CheckId, ExitCode>();

  function notesOf(id: CheckId) {
    const findings: DoctorFinding[] = [];
    let text = '';
    let skipped = false;
    const notes: Notes = {
      seen(line) {
        text = line;
      },
      skip(why) {
        text = why;
        skipped = true;
      },
      fault(exitCode, text, cure = [], details = []) {
        if (!codes.has(id)) codes.set(id, exitCode);
        findings.push({ severity: 'fault', text, details, cure });
      },
      notice: (text, cure = []) => void findings.push({ severity: 'notice', text, details: [], cure }),
      async attempt(work) {
        try {
          return await work();
        } catch (thrown) {
          signal.throwIfAborted();
          if (!(thrown instanceof CleanupError)) throw thrown;
          noteError(thrown, notes);
          return undefined;
        }
      },
    };
    const close = (): DoctorCheck => {
      const faults = findings.filter(({ severity }) => severity === 'fault');
      const notices = findings.filter(({ severity }) => severity === 'notice');
      const passed = skipped ? 'skipped' : 'ok';
      const outcome = faults.length > 0 ? 'fault' : notices.length > 0 ? 'notice' : passed;
      const title = doctorChecks.find((check) => check.id === id)?.title ?? id;
      return { id, title, outcome, text, findings: [...faults, ...notices] };
    };
    return { notes, close };
  }

  return {
    async check(id, work) {
      signal.throwIfAborted();
      const { notes, close } = notesOf(id);
      const value = await notes.attempt(() => work(notes));
      checks.set(id, close());
      return value;
    },
    skipOthers(why) {
      for (const { id, title } of doctorChecks)
        if (!checks.has(id)) checks.set(id, { id, title, outcome: 'skipped', text: why, findings: [] });
    },
    checks: () => doctorChecks.flatMap(({ id }) => checks.get(id) ?? []),
    exitCode(order) {
      const [first = 0] = [...order, ...codes.keys()].flatMap((id) => codes.get(id) ?? []);
      return first;
    },
  };
}

/** A refusal is told reason by reason, each of which says what to do. */
function noteError({ code, exitCode, message, hint, details }: CleanupError, notes: Notes): void {
  if (code === 'REFUSED') for (const reason of details) notes.fault(exitCode, reason);
  else notes.fault(exitCode, message, linesOf(hint), details);
}
