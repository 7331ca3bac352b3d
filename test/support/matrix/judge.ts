import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, pathsBelow } from '../bench.ts';
import type { Nest } from '../drive.ts';
import { at } from '../layout.ts';
import { assertNothingLost, closure } from '../oracle.ts';
import { get } from '../process-runtime.ts';
import { type Pushed, pushImage } from '../push.ts';
import { stateDirectory } from '../tree.ts';
import { isUnderItsScript } from '../untouched.ts';
import type { Ran } from './drivers.ts';

export interface Finding {
  readonly kind:
    | 'lost'
    | 'closed'
    | 'left'
    | 'changed'
    | 'ending'
    | 'recover'
    | 'converges'
    | 'slow'
    | 'unmet';
  readonly text: string;
}

/** What may stay in the state directory when nobody is at work: records, and room for the next lock. */
const mayStay = new Set(['runs', 'reserve']);

/** A file of the state directory that was being written when its writer was killed: the next run sweeps it. */
const halfWritten = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;

/**
 * The live registry answers, under its own script; no tag is lost; no lock, journal, file or process is left. `swept`:
 * what is left to the next run to sweep, which only a killed one may leave.
 */
export async function lookAfter(
  { registry, closures }: Bench,
  place: Nest,
  { killed }: { readonly killed: boolean },
) {
  const findings: Finding[] = [];
  const left = [...place.left(), ...place.inhabitants().map(({ argv }) => argv.join(' '))];
  const state = join(registry.root, stateDirectory);
  const files = existsSync(state) ? readdirSync(state).filter((name) => !mayStay.has(name)) : [];
  const swept = killed ? files.filter((name) => halfWritten.test(name)) : [];
  left.push(...files.filter((name) => !swept.includes(name)));
  if (left.length > 0) findings.push({ kind: 'left', text: `left: ${left.join(', ')}` });
  const answer = await get(registry.url);
  if (answer !== 200) findings.push({ kind: 'closed', text: `the live registry answers ${answer}` });
  else if (!isUnderItsScript(registry))
    findings.push({ kind: 'closed', text: 'what answers was not started by the live registry’s own script' });
  const now = closure(registry.root);
  let tagsLost = 0;
  for (const [tag, needs] of closures) {
    try {
      assertNothingLost(new Map([[tag, needs]]), now);
    } catch (thrown) {
      tagsLost += 1;
      findings.push({ kind: 'lost', text: String(thrown) });
    }
  }
  return { findings, swept, tagsChecked: closures.size, tagsLost };
}

/** Pushes an image that nobody has pushed before, as a user would. */
export async function push(
  { registry }: Bench,
  seed: string,
): Promise<{ pushed: Pushed } | { finding: Finding }> {
  try {
    return { pushed: await pushImage(registry.pushUrl, after, 'v1', { seed }) };
  } catch (thrown) {
    return { finding: { kind: 'closed', text: `the live registry takes no push: ${String(thrown)}` } };
  }
}

const after = 'after/it';

interface Convergence {
  readonly bench: Bench;
  /** Since the disturbance. */
  readonly pushed: Pushed;
  readonly run: () => Promise<Ran>;
  /** Uploads and directories as well, for which alone no run closes the registry. */
  readonly whole: boolean;
  newSeed(): string;
}

/** The next run ends where an undisturbed one does. */
export async function convergence({
  bench,
  pushed,
  run,
  whole,
  newSeed,
}: Convergence): Promise<readonly Finding[]> {
  const { registry, cleaned } = bench;
  if (whole) await pushImage(registry.pushUrl, 'team/app', undefined, { seed: newSeed() });
  const next = await run();
  const report = 'killedBy' in next ? undefined : next.report;
  if (report?.outcome !== 'ok' && (whole || report?.outcome !== 'nothing-to-do'))
    return [{ kind: 'converges', text: `the next run: ${JSON.stringify(report?.error ?? next)}` }];
  const counts = whole ? () => true : isWorthIt;
  const kept = new Set(cleaned.filter(counts));
  const ours = [pushed.digest, ...pushed.blobs].map((digest) => at.blob(digest));
  const now = new Set(pathsBelow(registry.root).filter(counts));
  const isOurs = (path: string) =>
    `${path}/`.startsWith(`${at.repositories}/after/`) ||
    ours.some((blob) => blob === path || blob.startsWith(`${path}/`));
  const odd = [
    ...[...kept].filter((path) => !now.has(path)).map((path) => `- ${path}`),
    ...[...now].filter((path) => !kept.has(path) && !isOurs(path)).map((path) => `+ ${path}`),
  ];
  return odd.length === 0
    ? []
    : [{ kind: 'converges', text: `not as after an undisturbed run: ${odd.join(', ')}` }];
}

function isWorthIt(path: string): boolean {
  return /\/(?:link|data)$/.test(path) && !path.includes('/_uploads/');
}
