import { bytes, count, counted } from '../format.ts';
import type { CheckDocument, Finding } from './check-document.ts';
import { errorSection, linesOf } from './error.ts';
import { bind, cleanData, type Page, pageOf, type RenderOptions, type Section } from './page.ts';
import { registrySection, warningsSection } from './parts.ts';
import { summarySection } from './summary.ts';

/** So many findings are shown; the others are counted. */
const findingLimit = 100;

/** The result of `check` for a terminal, with a newline at its end. */
export function renderCheck(document: CheckDocument, options: RenderOptions = {}): string {
  const page = pageOf(options);
  const shown = cleanData(document, options);
  const hint = cleanData(document.error === null ? [] : linesOf(document.error.hint), options);
  const { totals, findings, error } = shown;
  return bind([
    registrySection(shown.registry, page),
    totals === null ? [] : summarySection('As it is', totals, page),
    ...findings.slice(0, findingLimit).map((finding) => findingSection(finding, page)),
    findings.length > findingLimit
      ? [`and ${count(findings.length - findingLimit)} more findings: --json tells them all`]
      : [],
    warningsSection(shown.warnings, page),
    verdictSection(shown, page),
    error === null ? [] : errorSection({ ...error, hint, exitCode: shown.exitCode }, page),
  ]);
}

function findingSection(
  { severity, kind, path, repository, tag, detail, cure }: Finding,
  { paint, prose }: Page,
): Section {
  const color = severity === 'error' ? paint.red : paint.yellow;
  const name = repository === null ? '' : ` in ${repository}${tag === null ? '' : `:${tag}`}`;
  return [
    ...prose(`${severity.toUpperCase()} ${kind}${name}`, { paint: (text) => paint.bold(color(text)) }),
    ...prose(path, { indent: 2 }),
    ...prose(detail, { indent: 2 }),
    ...(cure === '' ? [] : prose(`→ ${cure}`, { indent: 2, hang: 2 })),
  ];
}

function verdictSection(
  { outcome, findings, read, totals, error }: CheckDocument,
  { paint, prose }: Page,
): Section {
  if (error !== null) return [];
  if (outcome === 'empty') return prose('The registry is empty: there is nothing to check.');
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const others = findings.length - errors;
  const found = [errors > 0 ? counted(errors, 'error') : [], others > 0 ? counted(others, 'warning') : []]
    .flat()
    .join(', ');
  const verdict =
    outcome === 'damaged'
      ? `Damaged: ${found}.`
      : `Everything that a tag needs is there${found === '' ? '' : ` (${found})`}.`;
  const hashed =
    read === null
      ? 'The contents of blobs were not read: --read-data does that.'
      : `${counted(read.blobs, 'blob')} (${bytes(read.bytes)}) read and hashed.`;
  return [
    ...prose(verdict, { paint: outcome === 'damaged' ? paint.red : paint.green }),
    ...(totals === null && read === null ? [] : prose(hashed)),
  ];
}
