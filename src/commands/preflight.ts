import { fail } from '../errors.ts';
import { counted } from '../format.ts';
import { openDeeds } from '../pipeline/journal.ts';
import type { RegistryState, Runtime } from '../runtime/runtime.ts';
import type { State, Storage } from '../storage/storage.ts';
import { askCatalog, checkHint, type Ground, inspectRoot, refuseWrongMount } from './look.ts';
import { type MaintainOptions, withClient } from './maintain.ts';
import { openClient, openConfiguredRuntime, openRegistryStorage, openRunState } from './session.ts';

/** What preflight found out, changing nothing. */
export interface Preflight {
  readonly runtime: Runtime;
  readonly state: RegistryState;
  readonly storage: Storage;
  readonly ground: Ground;
  /** What the live registry's API lists; undefined where it was not asked. */
  readonly apiRepositories: readonly string[] | undefined;
  readonly hasAuth: boolean;
}

/** The runtime, and whether an earlier run left something open that must be recovered before anything else is looked at. */
export interface FirstSight {
  readonly runtime: Runtime;
  readonly state: RegistryState;
  readonly runState: State;
  readonly leftOpen: number;
}

/** Looks how the registry is run and where its storage is, no further. */
export async function firstSight(options: MaintainOptions, signal: AbortSignal): Promise<FirstSight> {
  const { config, draft, env } = options;
  const runtime = await openConfiguredRuntime(config, env);
  const state = await runtime.inspect(signal);
  draft.registry = { version: state.version, runtime: state.runtime, storage: state.driver };
  const runState = await openRunState(config, state);
  return { runtime, state, runState, leftOpen: (await openDeeds(runState)).length };
}

/** Everything that can be told before the storage is read. Throws REFUSED with all that speaks against a run. */
export async function preflight(
  options: MaintainOptions,
  { runtime, state, leftOpen }: FirstSight,
  signal: AbortSignal,
): Promise<Preflight> {
  const { config, dryRun, emit } = options;
  if (leftOpen > 0) {
    const deeds = counted(leftOpen, 'deed');
    emit({
      type: 'warning',
      text: `another run is under way, or died and left ${deeds} to undo: then the next run that is no dry run undoes them first`,
    });
  }
  for (const text of state.warnings) emit({ type: 'warning', text });
  if (state.refusals.length > 0) fail('REFUSED', { reasons: state.refusals });
  const storage = await openRegistryStorage(state, dryRun);
  checkHint(options.storageRootHint, state);
  const ground = await inspectRoot(storage);
  const hasAuth = config.registry.auth.username !== undefined;
  const apiRepositories = await withClient(openClient(config, state, signal), (client) =>
    askCatalog(client, state, hasAuth),
  );
  if (ground.kind === 'empty') refuseWrongMount(storage, apiRepositories);
  return { runtime, state, storage, ground, apiRepositories, hasAuth };
}
