import { errorSection, linesOf } from './error.ts';
import { bind, cleanData, type Page, pageOf, type RenderOptions, type Section } from './page.ts';
import { warningsSection } from './parts.ts';
import type { RecoverDocument } from './recover-document.ts';

/** The result of `recover` for a terminal, with a newline at its end. */
export function renderRecover(document: RecoverDocument, options: RenderOptions = {}): string {
  const page = pageOf(options);
  const shown = cleanData(document, options);
  const hint = cleanData(document.error === null ? [] : linesOf(document.error.hint), options);
  const { error } = shown;
  return bind([
    recoveredSection(shown, page),
    warningsSection(shown.warnings, page),
    verdictSection(shown, page),
    error === null ? [] : errorSection({ ...error, hint, exitCode: shown.exitCode }, page),
  ]);
}

function recoveredSection({ recovered }: RecoverDocument, { prose }: Page): Section {
  const runs = [...new Set(recovered.map(({ run }) => run))];
  return runs.flatMap((run) => [
    ...prose(`Run ${run} died and left something open:`),
    ...recovered
      .filter((deed) => deed.run === run)
      .flatMap(({ step, what }) => prose(`- ${step}: ${what}`, { indent: 2, hang: 2 })),
  ]);
}

function verdictSection({ outcome, recovered }: RecoverDocument, { paint, prose }: Page): Section {
  if (outcome === 'nothing-to-do') return prose('No run died here: there is nothing to recover.');
  if (outcome !== 'ok') return [];
  const verdict =
    recovered.length === 0
      ? 'Nothing was left open but the lock, which is free again.'
      : 'Everything that was left open is undone.';
  return prose(verdict, { paint: paint.green });
}
