import type { LoadedConfig } from '../config/load.ts';
import { CleanupError } from '../errors.ts';
import type { Emit } from '../pipeline/events.ts';
import { Pipeline, type StepContext } from '../pipeline/pipeline.ts';
import type { CheckId, DoctorDocument } from '../report/doctor-document.ts';
import type { RegistryState, Runtime } from '../runtime/runtime.ts';
import { askRegistry } from './doctor/address.ts';
import { lookForRecovery } from './doctor/boot.ts';
import { compareClocks } from './doctor/clocks.ts';
import { lookAtContents } from './doctor/contents.ts';
import { lookForRuns } from './doctor/lock.ts';
import { tryReadonlySwitch } from './doctor/readonly.ts';
import { tellRegistry } from './doctor/registry.ts';
import { openSheet, type Sheet } from './doctor/sheet.ts';
import { lookForSpace } from './doctor/space.ts';
import { lookAtRights, lookAtStorage } from './doctor/storage.ts';
import { openConfiguredRuntime, openRunState } from './session.ts';

export interface DoctorOptions {
  /** Loads the configuration. Throws CONFIG_INVALID. */
  readonly load: () => Promise<LoadedConfig>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Tells what would stop a run, asking as a run does, and goes on where one check fails. Changes nothing: a throw-away
 * instance of the registry is started over an empty directory, where nobody else finds it, and ended again.
 */
export async function doctor(options: DoctorOptions): Promise<DoctorDocument> {
  const sheet = openSheet(options.signal);
  const common = { version: 1, command: 'doctor' } as const;
  try {
    const { registry, leftOpen } = await examine(options, sheet);
    options.signal.throwIfAborted();
    const exitCode = sheet.exitCode(meetingOrder(leftOpen));
    const outcome = exitCode === 0 ? 'ok' : 'faults';
    return { ...common, outcome, exitCode, registry, checks: sheet.checks(), error: null };
  } catch (thrown) {
    if (!(thrown instanceof CleanupError)) throw thrown;
    const { code, message, hint, details, exitCode } = thrown;
    const error = { code, message, hint, details };
    return { ...common, outcome: 'interrupted', exitCode, registry: null, checks: sheet.checks(), error };
  }
}

interface Examined {
  readonly registry: DoctorDocument['registry'];
  /** Deeds of another run that are not undone. */
  readonly leftOpen: number;
}

const unknown: Examined = { registry: null, leftOpen: 0 };

async function examine(options: DoctorOptions, sheet: Sheet): Promise<Examined> {
  const { env, signal } = options;
  await lookForRecovery(env, sheet);
  const loaded = await sheet.check('configuration', async (notes) => {
    const found = await options.load();
    notes.seen(found.file ?? 'no file: defaults, and what the environment says');
    for (const text of found.warnings) notes.notice(text);
    return found;
  });
  if (loaded === undefined) {
    sheet.skipOthers('not without a configuration');
    return unknown;
  }
  const { config } = loaded;
  const runtime = await sheet.check('runtime', () => openConfiguredRuntime(config, env, { writes: true }));
  try {
    const state = runtime && (await inspect(runtime, signal, sheet));
    if (runtime !== undefined && state !== undefined)
      return await examineRegistry({ ...options, ...loaded, runtime, state }, sheet);
  } finally {
    await runtime?.close();
  }
  sheet.skipOthers('nothing is known of the registry');
  return unknown;
}

/** How the registry is run. An engine that does not answer is found here. */
function inspect(runtime: Runtime, signal: AbortSignal, sheet: Sheet): Promise<RegistryState | undefined> {
  return sheet.check('runtime', async (notes) => {
    const state = await runtime.inspect(signal);
    notes.seen(
      state.runtime === 'docker' ? 'docker, by an engine that answers' : 'process, a program on this machine',
    );
    return state;
  });
}

interface Known extends DoctorOptions, LoadedConfig {
  readonly runtime: Runtime;
  readonly state: RegistryState;
}

async function examineRegistry(known: Known, sheet: Sheet): Promise<Examined> {
  const { config, state, emit, signal } = known;
  const pipeline = new Pipeline({ emit, signal });
  const { heard, stored, leftOpen } = await pipeline.step('preflight', async (context) => {
    await tellRegistry(state, sheet);
    const heard = await askRegistry(known, sheet);
    const stored = await lookAtStorage({ ...known, hint: known.storageRootHint, heard }, sheet);
    await tryReadonlySwitch({ ...known, denied: heard?.denied === true }, sheet);
    return { heard, stored, leftOpen: await lookAtState(known, context, sheet) };
  });
  const inventory = await pipeline.step('inventory', (context) =>
    lookAtContents({ config, state, stored, apiRepositories: heard?.repositories, context }, sheet),
  );
  await compareClocks(heard?.ahead, inventory, sheet);
  return { registry: { version: state.version, runtime: state.runtime, storage: state.driver }, leftOpen };
}

/** Our own directory, where runs keep lock and journal. Returns how many deeds another run has not undone. */
async function lookAtState(known: Known, { progress }: StepContext, sheet: Sheet): Promise<number> {
  const { config, state, env } = known;
  if (state.root === '' && config.state.directory === undefined) {
    for (const id of ['rights', 'space', 'lock'] as const)
      await sheet.check(id, (notes) => notes.skip('where the storage is is not known'));
    return 0;
  }
  const runState = await openRunState(config, state);
  const stateDirectory = runState.locate('');
  await lookAtRights(state, { stateDirectory, env }, sheet);
  await lookForSpace({ root: state.root, stateDirectory }, sheet);
  const onWatch = (owner: string): void => progress({ text: `watching ${owner}` });
  return (await lookForRuns({ ...known, runState, onWatch }, sheet)) ?? 0;
}

/** In which order a run meets what would stop it: what another run left open is undone before all else is looked at. */
function meetingOrder(leftOpen: number): readonly CheckId[] {
  const first: readonly CheckId[] = ['configuration', 'runtime'];
  const looks: readonly CheckId[] = [
    'registry',
    'version',
    'cache',
    'writers',
    'rights',
    'storage',
    'credentials',
    'address',
  ];
  const last: readonly CheckId[] = ['space', 'contents', 'readonly'];
  return leftOpen > 0 ? [...first, 'lock', ...looks, ...last] : [...first, ...looks, 'lock', ...last];
}
