import { probeRepository } from '../../apply/prove.ts';
import type { Config } from '../../config/schema.ts';
import { CleanupError } from '../../errors.ts';
import type { Client, UploadProbe } from '../../registry/client.ts';
import type { RegistryState, Runtime } from '../../runtime/runtime.ts';
import { withClient } from '../maintain.ts';
import { newRunId, openClient } from '../session.ts';
import { tellFindings } from './registry.ts';
import type { Notes, Sheet } from './sheet.ts';

/** Tries on a throw-away instance whether a registry can be made read-only here, as the stand-in of a run is. */
export async function tryReadonlySwitch(
  options: {
    readonly config: Config;
    readonly runtime: Runtime;
    readonly state: RegistryState;
    /** Whether the registry did not take our credentials: then an instance would not either. */
    readonly denied: boolean;
    readonly signal: AbortSignal;
  },
  sheet: Sheet,
): Promise<void> {
  const { config, runtime, state, denied, signal } = options;
  const { username } = config.registry.auth;
  await sheet.check('readonly', async (notes) => {
    tellFindings('readonly', state, notes);
    if (!config.readonlyInstance) return notes.skip('no stand-in is wanted (readonlyInstance: false)');
    if (state.proxy !== undefined) return notes.skip('a pull-through cache cannot be closed so');
    if (state.auth !== 'none' && (username === undefined || denied))
      return notes.skip('it cannot be tried without credentials that the registry takes');
    const runId = newRunId();
    const trial = await runtime
      .tryReadonly(state, { runId, signal }, (reach) =>
        withClient(openClient(config, reach, signal), (client) => probe(client, probeRepository(runId))),
      )
      .catch((error: unknown) => noteForbidden(error, notes));
    if (trial === undefined) return;
    if ('untried' in trial) notes.skip(trial.untried);
    else judge(trial.answer, notes);
  });
}

/** Asks to begin an upload. One that is begun after all is taken back: whoever defeats the switch may defeat more. */
async function probe(client: Client, repository: string): Promise<UploadProbe> {
  const answer = await client.probeUpload(repository);
  if (answer.status === 202 && answer.location !== undefined)
    await client.cancelUpload(repository, answer.location);
  return answer;
}

/** An engine that lets nobody create a container needs another cure than the engine's own. Throws all others. */
function noteForbidden(error: unknown, notes: Notes): undefined {
  if (!(error instanceof CleanupError) || error.code !== 'ENGINE_ANSWERED') throw error;
  if (!error.message.includes('/containers/create')) throw error;
  notes.fault(error.exitCode, error.message, [
    'A run creates its stand-in so: let whatever stands in front of the engine allow it, or declare a stand-in, as a service with the label registry-cleanup.role=readonly.',
  ]);
}

/** As a run judges the stand-in's answer before it removes anything. */
function judge({ status, contentType, apiVersion }: UploadProbe, notes: Notes): void {
  if (status === 405 && contentType === 'text/plain' && apiVersion !== undefined) {
    notes.seen('a throw-away instance refused an upload (405)');
  } else if (status === 202) {
    notes.fault(5, 'An instance that was made read-only accepted an upload.', [
      'Look for what defeats storage.maintenance.readonly: a wrapper around the registry, or a variable of its environment.',
    ]);
  } else if (status === 401 || status === 403) {
    notes.fault(
      5,
      `An instance that was made read-only answered an upload with ${status}, which proves nothing.`,
      ['Give registry.auth credentials that may push, or use --no-readonly-instance.'],
    );
  } else {
    notes.fault(
      5,
      `An instance that was made read-only answered an upload with ${status} (${contentType}), not with 405.`,
      [
        "See the registry's configuration for what else may answer: middleware, or a health check that fails.",
      ],
    );
  }
}
