import { bytes, count } from '../format.ts';
import type { Event } from '../pipeline/events.ts';
import { type StepId, steps } from '../pipeline/steps.ts';

const titles: ReadonlyMap<StepId, string> = new Map(steps.map(({ id, title }) => [id, title]));

export function titleOf(id: StepId): string {
  return titles.get(id) ?? id;
}

/** What it means to undo a step, for those that leave something to undo. */
const undoTitles: Partial<Record<StepId, string>> = {
  lock: 'Releasing the lock',
  stop: 'Starting the live registry again',
  readonly: 'Removing the read-only stand-in',
  apply: 'Making the registry forget what is gone',
  rehearse: 'Making sure that the rehearsal has ended',
  collect: 'Making sure that the collector has ended',
};

export function undoTitleOf(id: StepId): string {
  return undoTitles[id] ?? `Undoing: ${titleOf(id)}`;
}

export type Progress = Pick<Extract<Event, { type: 'progress' }>, 'done' | 'total' | 'bytes' | 'text'>;

/** `12,340 of 30,000 manifests (41 %), 1.2 GiB`; `text` alone where nothing is counted. */
export function progressText({ done, total, bytes: size, text }: Progress): string {
  const what = text === undefined || text === '' ? [] : [text];
  const figures: string[] = [];
  if (done !== undefined && total !== undefined) {
    const share = total > 0 ? [`(${Math.min(100, Math.floor((100 * done) / total))} %)`] : [];
    figures.push([`${count(done)} of ${count(total)}`, ...what, ...share].join(' '));
  } else if (done !== undefined) {
    figures.push([count(done), ...what].join(' '));
  } else {
    figures.push(...what);
  }
  if (size !== undefined) figures.push(bytes(size));
  return figures.join(', ');
}
