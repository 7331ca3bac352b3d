import { bytes, count, counted } from '../format.ts';
import { kinds } from '../plan/kinds.ts';
import type { CheckDocument, Finding } from './check-document.ts';
import type { RemovedTotals } from './document.ts';
import { errorSection, linesOf } from './error.ts';
import { bind, cleanData, type Page, pageOf, type RenderOptions, type Section } from './page.ts';
import { registrySection, warningsSection } from './parts.ts';
import { summarySection } from './summary.ts';

/** So many findings of a kind are shown; the others are counted. */
const perKind = 20;

/** The result of `check` for a terminal, with a newline at its end. */
export function renderCheck(document: CheckDocument, options: RenderOptions = {}): string {
  const page = pageOf(options);
  const shown = cleanData(document, options);
  const hint = cleanData(document.error === null ? [] : linesOf(document.error.hint), options);
  const { totals, findings, error } = shown;
  return bind([
    registrySection(shown.registry, page),
    totals === null ? [] : summarySection('As it is', totals, page),
    ...severities.flatMap(({ severity, title }) => severitySections(findings, severity, title, page)),
    warningsSection(shown.warnings, page),
    verdictSection(shown, page),
    error === null ? [] : errorSection({ ...error, hint, exitCode: shown.exitCode }, page),
  ]);
}

type Severity = Finding['severity'];

const severities: readonly { readonly severity: Severity; readonly title: string }[] = [
  { severity: 'error', title: 'ERRORS: a tag needs what is missing or damaged' },
  { severity: 'obstacle', title: 'OBSTACLES: no tag is harmed, but a run refuses' },
  { severity: 'warning', title: 'WARNINGS: nothing is harmed' },
];

function toneOf(severity: Severity, { paint }: Page): (text: string) => string {
  return severity === 'warning' ? paint.yellow : paint.red;
}

/** A heading, and a section for every kind. */
function severitySections(
  findings: readonly Finding[],
  severity: Severity,
  title: string,
  page: Page,
): Section[] {
  const these = findings.filter((finding) => finding.severity === severity);
  if (these.length === 0) return [];
  const tone = toneOf(severity, page);
  const heading = page.prose(`${title} (${count(total(these))})`, {
    paint: (text) => page.paint.bold(tone(text)),
  });
  const byKind = Map.groupBy(these, ({ kind }) => kind);
  return [heading, ...[...byKind.values()].map((alike) => kindSection(alike, page))];
}

/** What it is, the first few of it, and what to do: once, where that is the same for all. */
function kindSection(alike: readonly Finding[], page: Page): Section {
  const { prose } = page;
  const [first] = alike;
  if (first === undefined) return [];
  const tone = toneOf(first.severity, page);
  const number = total(alike);
  const { means } = kinds[first.kind];
  const unseen = alike.length - perKind;
  return [
    ...prose(`${first.kind}${number === 1 ? '' : ` (${count(number)})`}: ${means}`, { paint: tone }),
    ...alike.slice(0, perKind).flatMap((finding, i) => findingLines(finding, alike[i - 1], page)),
    ...(unseen > 0 ? prose(`… and ${count(unseen)} more (--json lists them)`, { indent: 2 }) : []),
    ...prose(`→ ${first.cure}`, { indent: 2, hang: 2 }),
  ];
}

/** What was said of the one before is not said again. */
function findingLines(finding: Finding, before: Finding | undefined, { paint, prose }: Page): Section {
  const { path, command } = finding;
  const said = sayingOf(finding);
  const known = said === '' || (before !== undefined && said === sayingOf(before));
  return [
    ...prose(path, { indent: 2 }),
    ...(known ? [] : prose(said, { indent: 4 })),
    // Never broken: it is to be pasted.
    ...(command === null ? [] : [`    ${paint.bold(command)}`]),
  ];
}

/** Whom it hurts, and what is to be said of it beyond its kind; '' where there is neither. */
function sayingOf({ kind, repository, tag, detail }: Finding): string {
  const whom = repository === null ? [] : tag === null ? `in ${repository}` : `${repository}:${tag}`;
  return [whom, detail === kinds[kind].means ? [] : detail].flat().join(': ');
}

function total(findings: readonly Finding[]): number {
  return findings.reduce((sum, finding) => sum + finding.count, 0);
}

function verdictSection(
  { outcome, findings, read, totals, litter, error }: CheckDocument,
  { paint, prose }: Page,
): Section {
  if (error !== null) return [];
  if (outcome === 'empty') return prose('The registry is empty: there is nothing to check.');
  const found = severities
    .map(({ severity }) => ({ severity, number: total(findings.filter((one) => one.severity === severity)) }))
    .flatMap(({ severity, number }) => (number === 0 ? [] : counted(number, severity)))
    .join(', ');
  const verdict =
    outcome === 'damaged'
      ? `Damaged: ${found}.`
      : outcome === 'obstructed'
        ? `Everything that a tag needs is there, but a run would refuse: ${found}.`
        : `Everything that a tag needs is there${found === '' ? '' : ` (${found})`}.`;
  const hashed =
    read === null
      ? 'The contents of blobs were not read: --read-data does that.'
      : `${counted(read.blobs, 'blob')} (${bytes(read.bytes)}) read and hashed.`;
  return [
    ...prose(verdict, { paint: outcome === 'ok' ? paint.green : paint.red }),
    ...(litter === null ? [] : prose(litterText(litter))),
    ...(totals === null && read === null ? [] : prose(hashed)),
  ];
}

function litterText({ manifests, layerLinks, uploads, blobs, bytes: size }: RemovedTotals): string {
  const parts = [
    manifests === 0 ? [] : counted(manifests, 'manifest'),
    layerLinks === 0 ? [] : counted(layerLinks, 'layer link'),
    uploads === 0 ? [] : counted(uploads, 'upload'),
    blobs === 0 ? [] : `${counted(blobs, 'blob')} (${bytes(size)})`,
  ].flat();
  if (parts.length === 0) return 'There is nothing that a run would remove.';
  return `No tag needs ${parts.join(', ')}: a run removes that.`;
}
