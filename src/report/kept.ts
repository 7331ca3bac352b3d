import { bytes, count, counted, seconds } from '../format.ts';
import type { KeptFigures, ReportDocument } from './document.ts';
import type { Page, Section } from './page.ts';
import { pad } from './summary.ts';

const reasons: Readonly<Record<KeptFigures['reason'], string>> = {
  tagged: 'tagged',
  child: 'child of an index that stays',
  referrer: 'referrer of one that stays',
  young: 'young',
  protected: 'on the list untagged.protect',
  changed: 'untagged since the first look',
  unreadable: 'cannot be read',
  isolated: 'in a repository that is left alone',
};

/** How many manifests stay, for which reason. */
export function keptSection({ kept, young }: ReportDocument, { paint }: Page): Section {
  if (kept.length === 0) return [];
  const labels = kept.map(({ reason }) => {
    return reason === 'young' ? `untagged for less than ${young.keepWithin}` : reasons[reason];
  });
  const labelColumns = Math.max(...labels.map((label) => label.length));
  const lines = kept.map(
    ({ manifests }, index) => `  ${(labels[index] ?? '').padEnd(labelColumns)}${pad(count(manifests), 10)}`,
  );
  return [paint.bold('Manifests that stay'), ...lines];
}

/**
 * Why nothing goes, for whoever expected something to. A newcomer's images are all younger than the limit: they must see
 * at once that this is meant so, until when, and how to have it otherwise.
 */
export function nothingSentence({ young, kept }: ReportDocument, now: number): string {
  if (young.manifests === 0) {
    const guarded = kept.some(({ reason }) => reason === 'protected') ? ', or protected' : '';
    return `Nothing to remove: every manifest is tagged, or needed by one that is${guarded}.`;
  }
  const them = young.manifests === 1 ? 'it' : 'them';
  return (
    `Nothing to remove: ${areYoung(young, now, 'first')}. ` +
    `Set untagged.keepWithin to 0s to remove ${them} now.`
  );
}

/** What will go later, beside what goes now; undefined when nothing will. */
export function youngSentence({ young }: ReportDocument, now: number): string | undefined {
  return young.manifests === 0 ? undefined : `${capital(areYoung(young, now, 'next'))}.`;
}

/** What the native collector spares although no manifest names it; undefined where that is nothing. */
export function youngBlobsSentence({ young }: ReportDocument): string | undefined {
  const { blobs, keepWithin } = young;
  if (blobs === 0) return undefined;
  const [are, they] = blobs === 1 ? ['is', 'it stays'] : ['are', 'they stay'];
  return (
    `${counted(blobs, 'blob')} (${bytes(young.bytes)}) that no manifest names ${are} younger than ` +
    `untagged.keepWithin (${keepWithin}): ${they}, since a push may be under way.`
  );
}

function areYoung(
  { manifests, keepWithin, nextAt }: ReportDocument['young'],
  now: number,
  which: string,
): string {
  const verb = manifests === 1 ? 'is' : 'are';
  const first = `${counted(manifests, 'untagged manifest')} ${verb} younger than untagged.keepWithin (${keepWithin})`;
  return nextAt === null
    ? first
    : `${first}; ${manifests === 1 ? 'it' : `the ${which}`} may go ${timeText(nextAt, now)}`;
}

/** `at 2026-03-01 12:00 UTC (in 57 min)`; a text that is no time as it is. */
function timeText(iso: string, now: number): string {
  const time = Date.parse(iso);
  if (Number.isNaN(time)) return `at ${iso}`;
  const wait = (time - now) / 1000;
  // Rounded up to the minute: whoever comes back then must not be too early.
  const shown = new Date(Math.ceil(time / 60_000) * 60_000).toISOString();
  const relative = wait <= 0 ? 'now' : `in ${seconds(wait < 60 ? wait : Math.ceil(wait / 60) * 60)}`;
  return `at ${shown.slice(0, 10)} ${shown.slice(11, 16)} UTC (${relative})`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
