import { count } from '../format.ts';
import { errorSection, linesOf } from './error.ts';
import { bind, cleanData, type Page, pageOf, type RenderOptions, type Section } from './page.ts';
import { renderReport } from './report.ts';
import { sentences } from './runs.ts';
import type { RunItem, RunLogFigures, RunShownDocument, RunSummary } from './runs-document.ts';
import { countedKind, listKinds, outcomeWord, timeText } from './runs-words.ts';

/** The result of `runs show` for a terminal, with a newline at its end. The report comes last, as it did then. */
export function renderRunShown(document: RunShownDocument, options: RenderOptions = {}): string {
  const page = pageOf(options);
  const shown = cleanData({ ...document, report: null }, options);
  const hint = cleanData(document.error === null ? [] : linesOf(document.error.hint), options);
  const { run, log, items, error } = shown;
  if (run === null)
    return bind([error === null ? [] : errorSection({ ...error, hint, exitCode: shown.exitCode }, page)]);
  const head = bind([
    headSection(run, log, page),
    ...itemSections(items, page),
    gapsSection(run, log, page),
    document.report === null ? endSection(run, page) : [],
  ]);
  if (document.report === null) return head;
  const then = Date.parse(run.at);
  const report = renderReport(document.report, { ...options, ...(Number.isNaN(then) ? {} : { now: then }) });
  return `${head}\n${page.paint.bold('[ Report ]')}\n\n${report}`;
}

function headSection(run: RunSummary, log: RunLogFigures | null, { prose, paint }: Page): Section {
  const host = log?.host == null ? '' : ` on ${log.host}`;
  const program = log?.program == null ? '' : ` (registry-cleanup ${log.program})`;
  const exit = run.exitCode === null ? '' : `, exit code ${run.exitCode}`;
  const settings = Object.entries(log?.settings ?? {}).map(([key, value]) => `${key} ${value}`);
  return [
    paint.bold(`Run ${run.id}: ${outcomeWord(run)}${exit}`),
    ...prose(`Began at ${timeText(run.at)} UTC${host}${program}`),
    ...(settings.length === 0 ? [] : prose(`Settings: ${settings.join(', ')}`, { hang: 2 })),
  ];
}

const headings: readonly (readonly [RunItem['outcome'], string])[] = [
  ['removed', 'Removed'],
  ['unknown', 'Begun, and not known to be finished'],
  ['failed', 'Could not be removed'],
  ['stayed', 'Stayed after all'],
  ['absent', 'Was not there any more'],
];

function itemSections(items: readonly RunItem[], page: Page): Section[] {
  return headings.flatMap(([outcome, heading]) => {
    // Directories that went with what was in them are nothing to tell of.
    const of = items.filter(
      (item) =>
        item.outcome === outcome &&
        !(item.kind === 'directory' && (outcome === 'absent' || outcome === 'stayed')),
    );
    if (of.length === 0) return [];
    const counts: Record<string, number> = {};
    for (const { kind } of of) counts[kind] = (counts[kind] ?? 0) + 1;
    return [
      [
        page.paint.bold(`${heading}: ${listKinds(counts)}`),
        ...groupsOf(of).flatMap((group) => lines(group, page)),
      ],
    ];
  });
}

/** Items that share kind, repository and reason, in the order of the first. */
function groupsOf(items: readonly RunItem[]): readonly (readonly RunItem[])[] {
  const groups = new Map<string, RunItem[]>();
  for (const item of items) {
    const { kind, repository, because, reason } = item;
    const within = kind === 'repository' ? null : repository;
    const key = JSON.stringify([kind, within, kind === 'tag-history' ? null : because, reason]);
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(item);
  }
  return [...groups.values()];
}

function lines(group: readonly RunItem[], { prose }: Page): string[] {
  const [first] = group;
  if (first === undefined) return [];
  const { kind, repository, because, reason } = first;
  const within = repository === null || kind === 'repository' ? '' : ` in ${repository}`;
  const why = kind === 'tag-history' ? 'what the tag pointed to earlier goes, or is gone' : because;
  const failure = reason === null ? '' : ` (${reason})`;
  return [
    ...prose(`${countedKind(group.length, kind)}${within}: ${why}${failure}`, { indent: 2, hang: 2 }),
    ...group.map((item) => `    ${nameOf(item)}`),
  ];
}

/** As short as it can be told under its repository; never broken, so that it can be copied. */
function nameOf({ kind, repository, tag, digest, key }: RunItem): string {
  if (kind === 'repository') return repository ?? 'a name that cannot be read';
  if (kind === 'upload' && key !== null) return key.split('/').at(-2) ?? key;
  if (tag !== null && digest !== null) return `${tag} ${digest}`;
  return tag ?? digest ?? key ?? 'a name that cannot be read';
}

/** What is not on record although it should be. */
function gapsSection({ state }: RunSummary, log: RunLogFigures | null, { prose, paint }: Page): Section {
  const tell = (text: string): string[] => prose(`! ${text}`, { hang: 2, paint: paint.yellow });
  if (log === null) return state === 'ended' ? tell('What it removed is not on record item by item.') : [];
  const { unnamed, forgotten, missed, besides } = log;
  const more = listKinds(unnamed);
  const why = forgotten ? 'the logs of all runs had grown too long' : 'they were too many';
  return [
    ...(more === '' ? [] : tell(`${more} more, whose names are not kept: ${why}.`)),
    ...(missed === 0 ? [] : tell(`${count(missed)} items more, which could not be put on record.`)),
    ...(besides.length === 0
      ? []
      : [
          ...tell('The collector swept what it had not announced:'),
          ...besides.map((digest) => `    ${digest}`),
        ]),
  ];
}

/** Of a run without a report, all that is known of its end. */
function endSection(run: RunSummary, { prose, paint }: Page): Section {
  const told = sentences(run).flatMap((text) => prose(`- ${text}`, { indent: 2, hang: 2 }));
  return told.length === 0 ? [] : [paint.bold('There is no report. What is known of its end'), ...told];
}
