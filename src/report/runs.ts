import { bytes, counted, seconds } from '../format.ts';
import { width } from '../screen.ts';
import { errorSection, linesOf } from './error.ts';
import { bind, cleanData, type Page, pageOf, type RenderOptions, type Section } from './page.ts';
import { listRemoved } from './removed.ts';
import type { RunSummary, RunsDocument } from './runs-document.ts';
import { listKinds, outcomeWord, timeText } from './runs-words.ts';
import { pad } from './summary.ts';

/** The result of `runs` for a terminal, with a newline at its end. */
export function renderRuns(document: RunsDocument, options: RenderOptions = {}): string {
  const page = pageOf(options);
  const shown = cleanData(document, options);
  const hint = cleanData(document.error === null ? [] : linesOf(document.error.hint), options);
  const { runs, directory, error } = shown;
  if (error !== null) return bind([errorSection({ ...error, hint, exitCode: shown.exitCode }, page)]);
  if (runs.length === 0) return bind([page.prose(`No run is on record in ${directory}.`)]);
  return bind([
    [headline(page), ...runs.flatMap((run) => [row(run, page), ...details(run, page)])],
    page.prose('"registry-cleanup runs show ID" tells what a run removed, and why.', {
      paint: page.paint.dim,
    }),
  ]);
}

function headline({ paint }: Page): string {
  return paint.bold(cells(['run', 'began (UTC)', 'outcome', 'exit', 'freed', 'took']));
}

function row(run: RunSummary, { paint }: Page): string {
  const word = outcomeWord(run);
  const line = cells([
    run.id,
    timeText(run.at),
    word,
    run.exitCode === null ? '-' : String(run.exitCode),
    run.removed === null ? '-' : bytes(run.removed.bytes),
    run.seconds === null ? '-' : briefSpan(run.seconds),
  ]);
  const { exitCode, state } = run;
  if (exitCode === 20 || exitCode === 21) return paint.bold(paint.red(line));
  if (state === 'killed' || exitCode === 1) return paint.red(line);
  return exitCode === 0 || state === 'running' ? line : paint.yellow(line);
}

/** 80 columns, where the texts are no longer than usual. */
function cells([id = '', at = '', word = '', ...figures]: readonly string[]): string {
  const [exit = '', freed = '', took = ''] = figures;
  return `${fill(id, 24)} ${fill(at, 16)} ${fill(word, 13)}${pad(exit, 4)}${pad(freed, 9)}${pad(took, 9)}`;
}

function fill(text: string, columns: number): string {
  return `${text}${' '.repeat(Math.max(0, columns - width(text)))} `;
}

/** `1.2 s`, `42 s`, `12 min`, `2.1 h`: at most 7 columns. */
function briefSpan(span: number): string {
  if (span < 59.5) return seconds(span);
  return span < 3570 ? `${Math.round(span / 60)} min` : `${(span / 3600).toFixed(1)} h`;
}

/** What else there is to tell of a run, below it. */
function details(run: RunSummary, { prose, paint }: Page): Section {
  return sentences(run).flatMap((text) => prose(text, { indent: 4, hang: 2, paint: paint.dim }));
}

/** What a run removed, and what became of it, as far as the outcome does not say it. */
export function sentences(run: RunSummary): string[] {
  const { removed, window, error, recovered, doing, known } = run;
  const what = removed === null ? '' : listRemoved(removed);
  const closed = window === null ? 0 : window.readOnlySeconds;
  const parts = [
    ...(what === '' ? [] : [`${what} removed`]),
    ...(closed > 0 ? [`closed to pushes for ${seconds(closed)}`] : []),
    ...(error === null ? [] : [error]),
  ];
  const gone = listKinds(known?.removed ?? {});
  const begun = listKinds(known?.unknown ?? {});
  return [
    ...(parts.length === 0 ? [] : [parts.join('; ')]),
    ...(run.state === 'unknown'
      ? ['running or killed: that cannot be told from here, and no heartbeat was seen']
      : []),
    ...(doing === null ? [] : [`last heard of ${doing}`]),
    ...(gone === '' ? [] : [`${gone} removed`]),
    ...(begun === '' ? [] : [`${begun} about to go, or gone: which of both is not on record`]),
    ...(recovered === null ? [] : [recoveredText(recovered)]),
  ];
}

function recoveredText({ by, at, host, undone }: NonNullable<RunSummary['recovered']>): string {
  const steps = undone.length === 0 ? 'nothing was left open' : `${counted(undone.length, 'step')} undone`;
  return `taken over at ${timeText(at)} UTC by ${by} on ${host}: ${steps}`;
}
