import { type About, type BlobFaults, findFindings, type StorageFinding } from '../plan/findings.ts';
import type { Plan } from '../plan/plan.ts';
import type { IsolatedRepository } from '../report/document.ts';

/** The repositories that `plan` leaves alone, each with what is damaged in it. `locate`: a key as a person finds it. */
export function isolatedOf(
  plan: Plan,
  about: About,
  locate: (key: string) => string,
): readonly IsolatedRepository[] {
  if (plan.isolated.size === 0) return [];
  const alone = new Set(
    findFindings(plan, about)
      .filter(({ leftAlone }) => leftAlone)
      .map(identity),
  );
  const findings = new Map([...plan.isolated].map((name) => [name, [] as StorageFinding[]]));
  for (const found of asIfNotIsolated(plan, about)) {
    if (alone.has(identity(found))) findings.get(found.repository ?? '')?.push(found);
  }
  return [...findings].map(([name, its]) => ({
    name,
    findings: its.map(({ kind, path, tag, detail, cure }) => ({
      kind,
      path: locate(path),
      tag,
      detail,
      cure,
    })),
  }));
}

/** What would be found, and how bad it would be, if nothing were left alone. */
export function asIfNotIsolated(plan: Plan, about: About, faults?: BlobFaults): StorageFinding[] {
  return findFindings({ ...plan, isolated: new Set() }, about, faults);
}

/** What tells a finding from all others of the same reading, and is the same in the next one. */
export function identity({ kind, path, tag }: StorageFinding): string {
  return `${kind} ${tag === null ? '' : 'needed '}${path}`;
}
