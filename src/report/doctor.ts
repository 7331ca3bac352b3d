import { counted } from '../format.ts';
import type { Paint } from '../screen.ts';
import type { DoctorCheck, DoctorDocument, DoctorFinding } from './doctor-document.ts';
import { errorSection, linesOf } from './error.ts';
import { bind, cleanData, type Page, pageOf, type RenderOptions, type Section } from './page.ts';

const marks = { ok: '✔', notice: '!', fault: '✖', skipped: '–' } as const;
/** So many findings of one check are shown; the others are counted. */
const findingLimit = 20;

/** The result of `doctor` for a terminal, with a newline at its end. */
export function renderDoctor(document: DoctorDocument, options: RenderOptions = {}): string {
  const page = pageOf(options);
  const shown = cleanData(document, options);
  const hint = cleanData(document.error === null ? [] : linesOf(document.error.hint), options);
  const { checks, error } = shown;
  return bind([
    folded(checks).flatMap((check) => checkLines(check, page)),
    verdictSection(shown, page),
    error === null ? [] : errorSection({ ...error, hint, exitCode: shown.exitCode }, page),
  ]);
}

/** One line for checks that follow each other and were skipped for the same reason. */
function folded(checks: readonly DoctorCheck[]): readonly DoctorCheck[] {
  const lines: DoctorCheck[] = [];
  for (const check of checks) {
    const last = lines.at(-1);
    if (last?.outcome === 'skipped' && check.outcome === 'skipped' && last.text === check.text)
      lines[lines.length - 1] = { ...last, title: `${last.title}, ${check.title}` };
    else lines.push(check);
  }
  return lines;
}

function checkLines({ outcome, title, text, findings }: DoctorCheck, page: Page): Section {
  const tone = toneOf(outcome, page);
  const unseen = findings.length - findingLimit;
  return [
    ...page.prose(`${marks[outcome]} ${title}${text === '' ? '' : `: ${text}`}`, { hang: 2, paint: tone }),
    ...findings.slice(0, findingLimit).flatMap((finding) => findingLines(finding, page)),
    ...(unseen > 0 ? page.prose(`and ${unseen} more: --json tells them all`, { indent: 4 }) : []),
  ];
}

function findingLines({ severity, text, details, cure }: DoctorFinding, page: Page): Section {
  const { paint, prose } = page;
  return [
    ...prose(`${marks[severity]} ${text}`, { indent: 2, hang: 2, paint: toneOf(severity, page) }),
    ...details.flatMap((detail) => prose(`- ${detail}`, { indent: 4, hang: 2 })),
    ...cure.flatMap((line, index) => {
      if (line.startsWith('    ')) return [paint.bold(`    ${line}`)];
      return prose(`${index === 0 ? '→' : ' '} ${line}`, { indent: 4, hang: 2 });
    }),
  ];
}

function toneOf(outcome: DoctorCheck['outcome'], { paint }: Page): Paint {
  return { ok: paint.green, notice: paint.yellow, fault: paint.red, skipped: paint.dim }[outcome];
}

function verdictSection({ outcome, checks }: DoctorDocument, { paint, prose }: Page): Section {
  const findings = checks.flatMap((check) => check.findings);
  const faults = findings.filter(({ severity }) => severity === 'fault').length;
  if (outcome === 'interrupted') return [];
  if (faults > 0) return prose(`${counted(faults, 'thing')} would stop a run.`, { paint: paint.red });
  return prose('Nothing stands in the way of a run.', { paint: paint.green });
}
