import { seconds } from '../format.ts';
import { steps } from '../pipeline/steps.ts';
import type { ReportDocument } from './document.ts';
import { errorSection, linesOf } from './error.ts';
import { isolatedSection } from './isolated.ts';
import { itemsSections } from './items.ts';
import { keptSection, nothingSentence, youngBlobsSentence, youngSentence } from './kept.ts';
import { bind, cleanData, type Page, pageOf, type RenderOptions, type Section } from './page.ts';
import { leftSection, registrySection, warningsSection } from './parts.ts';
import { listRemoved, removedSentence, repositoriesSection } from './removed.ts';
import { foretell, summarySection } from './summary.ts';

export interface ReportOptions extends RenderOptions {
  /** ms since the epoch, to say how long something still takes; the clock of this machine otherwise. */
  readonly now?: number;
}

/** The end of a `run` or `plan` for a terminal, with a newline at its end. An error and its cure come last. */
export function renderReport(document: ReportDocument, options: ReportOptions = {}): string {
  const page = pageOf(options);
  const { error } = document;
  const shown = cleanData(document, options);
  const hint = cleanData(error === null ? [] : linesOf(error.hint), options);
  return bind([
    registrySection(shown.registry, page),
    ...itemsSections(shown.items, page),
    ...totalsSections(shown, page),
    outcomeSection(shown, page, options.now ?? Date.now()),
    repositoriesSection(shown.repositories, page),
    keptSection(shown, page),
    windowSection(shown, page),
    leftSection(shown.left, page),
    isolatedSection(shown.isolated, page),
    warningsSection(shown.warnings, page),
    verdictSection(shown, page),
    shown.error === null
      ? []
      : errorSection({ ...shown.error, hint, exitCode: shown.exitCode }, page, whereItEnded(shown)),
  ]);
}

function totalsSections(document: ReportDocument, page: Page): Section[] {
  const { before, after, dryRun, removed, error } = document;
  if (before === null) return [];
  const first = summarySection('Before cleanup', before, page);
  if (after !== null) return [first, summarySection('After cleanup', after, page, before)];
  if (!dryRun || error !== null) return [first];
  return [first, summarySection('After cleanup (foretold)', foretell(before, removed), page, before)];
}

/** What was removed, or why nothing was. */
function outcomeSection(document: ReportDocument, page: Page, now: number): Section {
  const { outcome, error, later } = document;
  if (outcome === 'empty') return page.prose('The registry is empty: there is nothing to clean.');
  const left = listRemoved(later);
  const sentence = removedSentence(document);
  if (sentence !== undefined) {
    return [
      ...page.prose(sentence, { paint: page.paint.bold }),
      ...proseIf(youngSentence(document, now), page),
      ...proseIf(youngBlobsSentence(document), page),
    ];
  }
  if (error !== null) return [];
  return [
    ...page.prose(nothingSentence(document, now), { paint: page.paint.bold }),
    ...proseIf(youngBlobsSentence(document), page),
    ...(left === ''
      ? []
      : page.prose(`Not worth closing the registry for, and left to a later run: ${left}.`)),
  ];
}

function proseIf(text: string | undefined, page: Page): Section {
  return text === undefined ? [] : page.prose(text);
}

/** What the registry's users noticed, and what swept the blobs. */
function windowSection({ collector, window, steps: taken, dryRun }: ReportDocument, page: Page): Section {
  const { readOnlySeconds, unavailableSeconds } = window;
  const closed = readOnlySeconds > 0 || unavailableSeconds > 0;
  const ran = taken.some(({ id, outcome }) => id === 'collect' && outcome !== 'skipped');
  return [
    ...(closed
      ? page.prose(
          `Closed to pushes for ${seconds(readOnlySeconds)}; unavailable for ${seconds(unavailableSeconds)}.`,
        )
      : []),
    ...(collector !== null && (ran || dryRun) ? page.prose(collectorSentence(collector, dryRun)) : []),
  ];
}

function collectorSentence(
  { name, deleteUntagged, because, rehearsed }: NonNullable<ReportDocument['collector']>,
  dryRun: boolean,
): string {
  if (name === 'native')
    return `${dryRun ? 'Blobs would be swept' : 'Blobs were swept'} by this program: ${because}.`;
  const flag = deleteUntagged ? 'with' : 'without';
  const rehearsal = dryRun ? '' : rehearsed ? ' It was rehearsed before.' : ' It was not rehearsed.';
  return `Collector: ${name} garbage-collect, ${flag} --delete-untagged: ${because}.${rehearsal}`;
}

/** How it ended, where no error says so. */
function verdictSection(document: ReportDocument, page: Page): Section {
  const { command, dryRun, outcome, error } = document;
  const { green, yellow } = page.paint;
  if (error !== null) return [];
  if (dryRun) {
    const what = command === 'plan' ? 'This is a plan' : 'This is a dry run';
    const real =
      command === 'plan' ? '"registry-cleanup run" carries it out' : 'without --dry-run it is carried out';
    return page.prose(
      outcome === 'ok' ? `${what}: nothing was changed; ${real}.` : `${what}: nothing was changed.`,
    );
  }
  const span = seconds(document.steps.reduce((sum, step) => sum + step.seconds, 0));
  if (outcome === 'partial') {
    return page.prose(`Done in ${span}, but some items are left, as told above: the next run tries again.`, {
      paint: yellow,
    });
  }
  return page.prose(`Done in ${span}.`, { paint: green });
}

/** The steps that did not end well, and when. */
function whereItEnded(document: ReportDocument): string[] {
  return document.steps
    .filter(({ outcome }) => outcome === 'failed' || outcome === 'interrupted')
    .map(({ id, outcome, seconds: span, note }) => {
      const title = steps.find((step) => step.id === id)?.title ?? id;
      const because = note === undefined || note === '' ? '' : `: ${note}`;
      return `${outcome === 'failed' ? 'Failed' : 'Interrupted'} while: ${title}, after ${seconds(span)}${because}`;
    });
}
