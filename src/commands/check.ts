import type { StorageRootHint } from '../config/legacy.ts';
import type { Config } from '../config/schema.ts';
import { CleanupError } from '../errors.ts';
import { hashBlobs } from '../inventory/hash-blobs.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { Emit } from '../pipeline/events.ts';
import { Pipeline, type StepContext } from '../pipeline/pipeline.ts';
import { type About, type BlobFaults, findFindings, type StorageFinding } from '../plan/findings.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { Plan } from '../plan/plan.ts';
import type { CheckDocument, Finding, KindCount } from '../report/check-document.ts';
import type { RegistryState } from '../runtime/runtime.ts';
import type { Reader } from '../storage/storage.ts';
import { commandFor } from './check-cure.ts';
import { asIfNotIsolated, identity } from './isolated.ts';
import { aboutOf, checkHint, type Ground, inspectRoot, read } from './look.ts';
import { openConfiguredRuntime, openRegistryStorage, openRunState, policyOf } from './session.ts';
import { lookForOtherRuns, type OtherRuns } from './unrecovered.ts';

export interface CheckOptions {
  readonly config: Config;
  /** Where an earlier tool's variable says that the storage is. */
  readonly storageRootHint?: StorageRootHint;
  /** Stream and hash every blob. */
  readonly readData: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}

/** Tells whether everything that a tag needs exists, and what else is odd. Changes nothing, stops nothing. */
export async function check(options: CheckOptions): Promise<CheckDocument> {
  const draft = { ...blank, warnings: [] as string[] };
  const emit: Emit = (event) => {
    if (event.type === 'warning') draft.warnings.push(event.text);
    options.emit(event);
  };
  try {
    return await look({ ...options, emit }, draft);
  } catch (error) {
    if (!(error instanceof CleanupError)) throw error;
    const { code, message, hint, details, exitCode } = error;
    const outcome =
      exitCode === 6 ? 'refused' : exitCode === 130 || exitCode === 143 ? 'interrupted' : 'failed';
    return { ...draft, outcome, exitCode, error: { code, message, hint, details } };
  }
}

const blank: CheckDocument = {
  version: 1,
  command: 'check',
  outcome: 'ok',
  exitCode: 0,
  registry: null,
  totals: null,
  litter: null,
  read: null,
  counts: [],
  findings: [],
  warnings: [],
  error: null,
};

/** What is looked at, and by whose rules. */
interface Scene {
  readonly options: CheckOptions;
  readonly state: RegistryState;
  readonly storage: Reader;
  readonly ground: Ground & { readonly kind: 'registry' };
}

async function look(options: CheckOptions, draft: CheckDocument): Promise<CheckDocument> {
  const { config, emit, signal, env } = options;
  const pipeline = new Pipeline({ emit, signal });
  const { state, storage, ground, others } = await pipeline.step('preflight', async (context) => {
    const runtime = await openConfiguredRuntime(config, env, { writes: false });
    const found = await runtime.inspect(context.signal).finally(() => runtime.close());
    for (const text of found.warnings) emit({ type: 'warning', text });
    const reader = await openRegistryStorage(found, true);
    checkHint(options.storageRootHint, found);
    const root = await inspectRoot(reader);
    const runs = await lookForOtherRuns(await openRunState(config, found));
    for (const text of runs.warnings) emit({ type: 'warning', text });
    if (found.proxy !== undefined) emit({ type: 'warning', text: cacheNote(found.proxy) });
    context.note(`registry ${found.version}, ${reader.locate('')}`);
    return { state: found, storage: reader, ground: root, others: runs };
  });
  const registry = { version: state.version, runtime: state.runtime, storage: state.driver };
  if (ground.kind === 'empty') {
    return { ...draft, registry, outcome: 'empty', ...told([], others) };
  }
  const scene: Scene = { options, state, storage, ground };
  const inventory = await pipeline.step('inventory', (context) => read(storage, context));
  const plan = planOf(scene, inventory);
  const { findings, figures } = await pipeline.step('verify', (context) => judge(scene, plan, context));
  const locate = (key: string): string => storage.locate(key);
  const shown = findings.map(
    (finding): Finding => ({
      ...finding,
      path: locate(finding.path),
      command: commandFor(finding, state, locate),
    }),
  );
  const worst = shown[0]?.severity;
  const outcome = worst === 'error' ? 'damaged' : worst === 'obstacle' ? 'obstructed' : 'ok';
  return {
    ...draft,
    registry,
    totals: inventory.counts,
    litter: plan.totals.removed,
    read: figures,
    outcome,
    exitCode: outcome === 'damaged' ? 21 : outcome === 'obstructed' ? 6 : 0,
    ...told(shown, others),
  };
}

function cacheNote(upstream: string): string {
  return `this is a pull-through cache of ${upstream}: what it lacks is fetched when somebody asks for it, so nothing missing is called damage. A run refuses to clean it.`;
}

/** As a run would, by our own clock (the storage's is told by what is written to it): what goes is litter. */
function planOf({ options, state }: Scene, inventory: Inventory): Plan {
  return makePlan(inventory, policyOf(options.config, Date.now(), state.major));
}

async function judge(
  scene: Scene,
  plan: Plan,
  context: StepContext,
): Promise<{ findings: readonly StorageFinding[]; figures: CheckDocument['read'] }> {
  const { options, state, storage, ground } = scene;
  const about = aboutOf(options.config, state, ground.missing);
  const hashed = options.readData ? await hash(storage, plan.kept.inventory, context) : undefined;
  const first = findAll(plan, about, hashed);
  if (first.every(({ severity }) => severity === 'warning')) {
    return { findings: first, figures: hashed?.read ?? null };
  }
  // Whoever pushes, deletes or cleans meanwhile makes things look broken for a moment: what is told was seen twice.
  const again = planOf(scene, await read(storage, context));
  const seen = new Set(findAll(again, about).map(identity));
  const stays = ({ kind }: StorageFinding): boolean => kind === 'blob-corrupt' || kind === 'blob-unreadable';
  const findings = first.filter(
    (finding) => finding.severity === 'warning' || stays(finding) || seen.has(identity(finding)),
  );
  return { findings, figures: hashed?.read ?? null };
}

/** What a tag needs and has not is an error, also where a run leaves its repository alone: nobody can pull it. */
function findAll(plan: Plan, about: About, hashed?: BlobFaults): readonly StorageFinding[] {
  const found = findFindings(plan, about, hashed);
  if (plan.isolated.size === 0) return found;
  const errors = asIfNotIsolated(plan, about, hashed).filter(({ severity }) => severity === 'error');
  const told = new Set(errors.map(identity));
  return [...errors, ...found.filter((one) => !told.has(identity(one)))];
}

async function hash(
  storage: Reader,
  inventory: Inventory,
  { signal, progress, note }: StepContext,
): ReturnType<typeof hashBlobs> {
  const hashed = await hashBlobs(storage, inventory, {
    signal,
    onProgress: ({ blobs, bytes }) =>
      progress({ done: blobs, total: inventory.counts.blobs, bytes, text: 'blobs' }),
  });
  note(`${hashed.read.blobs} blobs hashed`);
  return hashed;
}

/** Findings with those of other runs among the warnings, and how many there are of each kind. */
function told(shown: readonly Finding[], others: OtherRuns): Pick<CheckDocument, 'findings' | 'counts'> {
  const findings = [
    ...shown.filter(({ severity }) => severity !== 'warning'),
    ...others.findings,
    ...shown.filter(({ severity }) => severity === 'warning'),
  ];
  const counts = new Map<string, KindCount>();
  for (const { severity, kind, count } of findings) {
    const id = `${severity} ${kind}`;
    counts.set(id, { severity, kind, count: (counts.get(id)?.count ?? 0) + count });
  }
  return { findings, counts: [...counts.values()] };
}
