import type { StorageRootHint } from '../config/legacy.ts';
import type { Config } from '../config/schema.ts';
import { CleanupError } from '../errors.ts';
import { hashBlobs } from '../inventory/hash-blobs.ts';
import type { Emit } from '../pipeline/events.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import { corruptFindings, errorsFirst, findFindings } from '../plan/findings.ts';
import type { CheckDocument, Finding } from '../report/check-document.ts';
import { checkHint, inspectRoot, read } from './look.ts';
import { openConfiguredRuntime, openRegistryStorage } from './session.ts';

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
  read: null,
  findings: [],
  warnings: [],
  error: null,
};

async function look(options: CheckOptions, draft: CheckDocument): Promise<CheckDocument> {
  const { config, emit, signal, env } = options;
  const pipeline = new Pipeline({ emit, signal });
  const { state, storage, ground } = await pipeline.step('preflight', async (context) => {
    const runtime = await openConfiguredRuntime(config, env, { writes: false });
    const found = await runtime.inspect(context.signal).finally(() => runtime.close());
    for (const text of found.warnings) emit({ type: 'warning', text });
    const reader = await openRegistryStorage(found, true);
    checkHint(options.storageRootHint, found);
    const root = await inspectRoot(reader);
    context.note(`registry ${found.version}, ${reader.locate('')}`);
    return { state: found, storage: reader, ground: root };
  });
  const registry = { version: state.version, runtime: state.runtime, storage: state.driver };
  if (ground.kind === 'empty') return { ...draft, registry, outcome: 'empty' };
  const inventory = await pipeline.step('inventory', (context) => read(storage, context));
  const { findings, readFigures } = await pipeline.step('verify', async ({ progress, note }) => {
    const found = findFindings(inventory, { major: state.major, missingAreas: ground.missing });
    if (!options.readData) return { findings: found, readFigures: null };
    const hashed = await hashBlobs(storage, inventory, {
      signal,
      onProgress: ({ blobs, bytes }) =>
        progress({ done: blobs, total: inventory.counts.blobs, bytes, text: 'blobs' }),
    });
    note(`${hashed.read.blobs} blobs hashed`);
    // A manifest that does not hash to its name was found already, with more to say about it.
    const told = new Set(found.map(({ path }) => path));
    const corrupt = corruptFindings(inventory, new Set(hashed.corrupt)).filter(({ path }) => !told.has(path));
    return { findings: errorsFirst([...found, ...corrupt]), readFigures: hashed.read };
  });
  const shown = findings.map((finding): Finding => ({ ...finding, path: storage.locate(finding.path) }));
  const damaged = shown.some(({ severity }) => severity === 'error');
  return {
    ...draft,
    registry,
    totals: inventory.counts,
    read: readFigures,
    findings: shown,
    outcome: damaged ? 'damaged' : 'ok',
    exitCode: damaged ? 21 : 0,
  };
}
