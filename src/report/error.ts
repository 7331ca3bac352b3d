import { CleanupError } from '../errors.ts';
import { count } from '../format.ts';
import { bind, cleanData, type Page, pageOf, type RenderOptions, type Section } from './page.ts';

/** So many details are shown; the others are counted. */
const detailLimit = 50;

/** An error as it is shown. Its hint comes as lines: one that is indented is a command, and is never broken. */
export interface ErrorFigures {
  readonly code: string;
  readonly exitCode: number;
  readonly message: string;
  readonly details: readonly string[];
  readonly hint: readonly string[];
}

/** What was thrown → what a person is shown, with a newline at its end. What is no CleanupError is a bug, and told as such. */
export function renderError(error: unknown, options: RenderOptions = {}): string {
  const figures = error instanceof CleanupError ? figuresOf(error) : bugFigures(error);
  return bind([errorSection(cleanData(figures, options), pageOf(options))]);
}

function figuresOf({ code, exitCode, message, details, hint }: CleanupError): ErrorFigures {
  return { code, exitCode, message, details, hint: linesOf(hint) };
}

/** The error's lines; what to do about it comes last, so that a command stands at the very end. */
export function errorSection(
  error: ErrorFigures,
  { paint, prose }: Page,
  where: readonly string[] = [],
): Section {
  // An interruption was asked for, and so was a limit: no alarm.
  const tone = error.exitCode >= 130 || error.exitCode === 7 ? paint.yellow : paint.red;
  const head = (text: string): string => paint.bold(tone(text));
  const unseen = error.details.length - detailLimit;
  return [
    ...prose(`ERROR ${error.code} (exit code ${error.exitCode})`, { paint: head }),
    ...prose(error.message, { paint: head }),
    ...where.flatMap((text) => prose(text)),
    ...error.details.slice(0, detailLimit).flatMap((detail) => prose(`- ${detail}`, { indent: 2, hang: 2 })),
    ...(unseen > 0 ? prose(`- and ${count(unseen)} more`, { indent: 2 }) : []),
    ...error.hint.flatMap((line) => (line.startsWith('    ') ? [paint.bold(line)] : prose(line))),
  ];
}

/** A hint's lines, without blank ones at its end. */
export function linesOf(hint: string): string[] {
  return hint.trimEnd().split('\n');
}

function messageOf(error: unknown): string {
  return error instanceof Error
    ? `${error.name}: ${error.message}`
    : `Something was thrown: ${String(error)}`;
}

function bugFigures(error: unknown): ErrorFigures {
  return {
    code: 'BUG',
    exitCode: 1,
    message: messageOf(error),
    details: traceOf(error),
    hint: ['This is a bug in registry-cleanup: please report it with the lines above.'],
  };
}

/** Where it was thrown, and what caused it, through every cause. */
function traceOf(error: unknown, depth = 0): string[] {
  if (!(error instanceof Error) || depth > 5) return [];
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const causes = [
    ...(error instanceof AggregateError ? error.errors : []),
    ...(error.cause === undefined ? [] : [error.cause]),
  ];
  return [
    ...frames.map((line) => line.trim()),
    ...causes.flatMap((cause: unknown) => [`caused by ${messageOf(cause)}`, ...traceOf(cause, depth + 1)]),
  ];
}
