import { count, counted } from '../format.ts';
import type { ReportDocument } from './document.ts';
import type { Page, Section } from './page.ts';

/** So many repositories are shown, and so many findings of each; the others are counted. */
const repositoryLimit = 10;
const findingLimit = 3;

type Isolated = ReportDocument['isolated'][number];

/** Damaged repositories that were left as they are, why, and what to do: the others were cleaned all the same. */
export function isolatedSection(isolated: ReportDocument['isolated'], page: Page): Section {
  if (isolated.length === 0) return [];
  const { paint, prose } = page;
  const unseen = isolated.length - repositoryLimit;
  const [are, it, links] = isolated.length === 1 ? ['is', 'it', 'it links'] : ['are', 'them', 'they link'];
  const title = `Left alone: ${counted(isolated.length, 'repository')} ${are} damaged`;
  return [
    ...prose(title, { paint: (text) => paint.bold(paint.yellow(text)) }),
    ...isolated.slice(0, repositoryLimit).flatMap((one) => repositoryLines(one, page)),
    ...(unseen > 0 ? prose(`and ${count(unseen)} more: --json tells them all`, { indent: 2 }) : []),
    ...prose(`Nothing of ${it}, and nothing that ${links} to, is removed until that is mended.`),
  ];
}

function repositoryLines({ name, findings }: Isolated, { paint, prose }: Page): Section {
  const unseen = findings.length - findingLimit;
  const cures = new Set(findings.slice(0, findingLimit).map(({ cure }) => cure));
  return [
    ...prose(name, { indent: 2, paint: paint.yellow }),
    ...findings.slice(0, findingLimit).flatMap(({ path, detail, tag }) => {
      const need = tag === null ? '' : ` (needed by ${name}:${tag})`;
      return prose(`! ${path}: ${detail}${need}`, { indent: 4, hang: 2 });
    }),
    ...(unseen > 0 ? prose(`! … and ${count(unseen)} more`, { indent: 4 }) : []),
    ...[...cures].flatMap((cure) => prose(`→ ${cure}`, { indent: 4, hang: 2 })),
  ];
}
