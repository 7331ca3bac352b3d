import { fail } from '../errors.ts';
import { counted } from '../format.ts';
import { countLeftOpen } from '../pipeline/journal.ts';
import type { RegistryState, Runtime } from '../runtime/runtime.ts';
import type { State, Storage } from '../storage/storage.ts';
import { askCatalog, checkHint, type Ground, inspectRoot, refuseWrongMount } from './look.ts';
import { type MaintainOptions, withClient } from './maintain.ts';
import { askRights } from './rights.ts';
import { refuseOtherStorage } from './same-storage.ts';
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
  /** What we lack the rights for, and what cures it. */
  readonly denied: readonly string[];
}

/** Looks how the registry is run, where its storage is and what we may do there, no further. */
export async function firstSight(options: MaintainOptions, signal: AbortSignal): Promise<FirstSight> {
  const { config, draft, env, aftermath } = options;
  await aftermath.close?.();
  const runtime = await openConfiguredRuntime(config, env, { writes: !options.dryRun });
  aftermath.close = () => runtime.close();
  const state = await runtime.inspect(signal);
  draft.registry = { version: state.version, runtime: state.runtime, storage: state.driver };
  const runState = await openRunState(config, state);
  const denied = await lacks(options, state, runState);
  // Where nobody knows where the storage is there is no journal to be looked for.
  const known = state.root !== '' || config.state.directory !== undefined;
  return { runtime, state, runState, leftOpen: known ? await countLeftOpen(runState) : 0, denied };
}

/** What we lack the rights for. Throws REFUSED when that is our own directory, where an open journal may be. */
async function lacks(
  { dryRun, env }: MaintainOptions,
  state: RegistryState,
  runState: State,
): Promise<readonly string[]> {
  if (state.root === '') return [];
  const stateDirectory = runState.locate('');
  const { reasons, ours } = await askRights(state, { stateDirectory, writes: !dryRun, env });
  if (ours) fail('REFUSED', { reasons: [...state.refusals, ...reasons] });
  return reasons;
}

/** Everything that can be told before the storage is read. Throws REFUSED with all that speaks against a run. */
export async function preflight(
  options: MaintainOptions,
  { runtime, state, leftOpen, denied }: FirstSight,
  signal: AbortSignal,
): Promise<Preflight> {
  const { config, dryRun, emit } = options;
  if (leftOpen > 0) {
    const deeds = counted(leftOpen, 'deed');
    emit({
      type: 'warning',
      text: `another run is under way, or died and left ${deeds} to undo: then "recover", or the next run that is no dry run, undoes them first`,
    });
  }
  for (const text of state.warnings) emit({ type: 'warning', text });
  const refusals = [...state.refusals, ...denied];
  if (refusals.length > 0) fail('REFUSED', { reasons: refusals });
  const storage = await openRegistryStorage(state, dryRun);
  checkHint(options.storageRootHint, state);
  const ground = await inspectRoot(storage);
  const hasAuth = config.registry.auth.username !== undefined;
  const reach = await runtime.reachLive(state);
  const apiRepositories = await withClient(openClient(config, reach, signal), (client) =>
    askCatalog(client, state, hasAuth),
  );
  if (ground.kind === 'empty') refuseWrongMount(storage, apiRepositories);
  else if (apiRepositories !== undefined) {
    const compared = await refuseOtherStorage({
      open: (bounded) => openClient(config, reach, bounded),
      reader: storage,
      repositories: apiRepositories,
      signal,
    });
    if (compared.same === 0 && compared.untold > 0) {
      const text = `the live registry tells nothing of its tags that could be compared with ${storage.locate('')}`;
      emit({ type: 'warning', text: `${text}: only its configuration says that this is its storage` });
    }
  }
  return { runtime, state, storage, ground, apiRepositories, hasAuth };
}
