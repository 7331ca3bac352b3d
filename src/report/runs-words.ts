import { count, counted } from '../format.ts';
import type { KindCounts, RunSummary } from './runs-document.ts';

const outcomes = new Map(
  Object.entries({
    ok: 'done',
    'nothing-to-do': 'nothing to do',
    empty: 'empty',
    partial: 'some left',
    refused: 'refused',
    failed: 'failed',
    interrupted: 'interrupted',
    'not-restored': 'NOT RESTORED',
    lost: 'LOST',
  }),
);

/** How a run ended, in at most 13 columns. What a later version calls it is shown as it is. */
export function outcomeWord({ state, outcome, exitCode }: RunSummary): string {
  if (state === 'running' || state === 'killed') return state;
  if (state === 'unknown') return 'no end known';
  if (exitCode === 7) return 'out of time';
  if (outcome === null) return 'unreadable';
  return outcomes.get(outcome) ?? outcome;
}

const nouns = new Map(
  Object.entries({
    tag: 'tag',
    'tag-history': 'tag history',
    revision: 'manifest',
    'layer-link': 'layer link',
    blob: 'blob',
    upload: 'upload',
    repository: 'repository',
    directory: 'empty directory',
  }),
);

/** `25 manifests, 120 layer links and 145 blobs`, in the order of removal; empty when there are none. */
export function listKinds(counts: KindCounts): string {
  const known = [...nouns.keys()].filter((kind) => (counts[kind] ?? 0) > 0);
  const others = Object.keys(counts).filter((kind) => !nouns.has(kind));
  const parts = [...known, ...others].map((kind) => countedKind(counts[kind] ?? 0, kind));
  const last = parts.pop() ?? '';
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

export function countedKind(value: number, kind: string): string {
  const noun = nouns.get(kind);
  return noun === undefined ? `${count(value)} × ${kind}` : counted(value, noun);
}

/** `2026-11-21 18:02`, UTC; a text that is no time as it is. */
export function timeText(iso: string): string {
  return Number.isNaN(Date.parse(iso)) ? iso : `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
}
