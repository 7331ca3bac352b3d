import type { Config } from '../../config/schema.ts';
import { CleanupError } from '../../errors.ts';
import { counted } from '../../format.ts';
import { createTransport } from '../../registry/client-transport.ts';
import { registryAddress } from '../../registry/client-url.ts';
import type { Reach, RegistryState, Runtime } from '../../runtime/runtime.ts';
import { askCatalog } from '../look.ts';
import { withClient } from '../maintain.ts';
import { openClient } from '../session.ts';
import { tellFindings } from './registry.ts';
import type { Notes, Sheet } from './sheet.ts';

const patienceMs = 10_000;

interface Asking {
  readonly config: Config;
  readonly runtime: Runtime;
  readonly state: RegistryState;
  readonly signal: AbortSignal;
}

/** What the live registry answered. */
export interface Heard {
  readonly reach: Reach;
  /** What its API lists; undefined where it was not asked. */
  readonly repositories: readonly string[] | undefined;
  /** Credentials were not taken, or are asked for where there are none. */
  readonly denied: boolean;
  /** How far its clock is ahead of ours, ms; undefined where it does not tell the time. */
  readonly ahead: number | undefined;
}

/** Asks where clients reach the live registry what a run asks there. Undefined: it does not run, or does not answer. */
export async function askRegistry(asking: Asking, sheet: Sheet): Promise<Heard | undefined> {
  const { config, runtime, state, signal } = asking;
  const { username } = config.registry.auth;
  let denied: CleanupError | undefined;
  const heard = await sheet.check('address', async (notes) => {
    if (state.live === 'stopped') return notes.skip('the live registry does not run');
    // A run would not even ask, and why it does not answer is told there.
    const refused = state.refusals.length > 0 ? await whyUnreachable(asking) : undefined;
    if (refused !== undefined) return notes.skip(refused);
    const reach = await runtime.reachLive(state);
    notes.seen(reach.url);
    const asked = withClient(openClient(config, reach, signal), (client) =>
      askCatalog(client, state, username !== undefined),
    );
    const repositories = await asked.catch((error: unknown) => {
      if (!(error instanceof CleanupError) || error.code !== 'REFUSED') throw error;
      denied = error;
      return undefined;
    });
    if (repositories !== undefined)
      notes.seen(`${reach.url} lists ${counted(repositories.length, 'repository')}`);
    const ahead = await lookAtAnswer(asking, reach, notes);
    if (denied !== undefined && !isDenial(denied)) throw denied;
    return { reach, repositories, denied: denied !== undefined, ahead };
  });
  await sheet.check('credentials', (notes) => {
    tellFindings('credentials', state, notes);
    if (denied !== undefined && isDenial(denied)) throw denied;
    if (state.auth !== 'none' && username === undefined)
      return notes.seen('there are none, and the registry asks for them');
    if (heard?.repositories === undefined) return notes.skip('they could not be tried');
    notes.seen(state.auth === 'none' ? 'none are asked for' : `the registry takes those of ${username}`);
  });
  return heard ?? undefined;
}

/** Why nobody answers where clients reach the live registry; undefined: somebody does. */
async function whyUnreachable({ config, runtime, state, signal }: Asking): Promise<string | undefined> {
  try {
    const reach = await runtime.reachLive(state);
    await withClient(openClient(config, reach, signal), (client) => client.ping());
    return undefined;
  } catch (error) {
    if (error instanceof CleanupError && error.code === 'REGISTRY_UNREACHABLE') return error.message;
    throw error;
  }
}

/** Whether a registry answers, and how far its clock is ahead of ours (ms). */
async function lookAtAnswer(
  { config, signal }: Asking,
  { url, connectTo }: Reach,
  notes: Notes,
): Promise<number | undefined> {
  const address = registryAddress(url);
  const detour = connectTo && { origin: address.url.origin, ...connectTo };
  const { tls } = config.registry;
  const transport = createTransport({ tls, timeoutMs: patienceMs, signal, detour });
  try {
    const answer = await transport.send({ method: 'GET', url: address.api(''), limit: 0 });
    const now = Date.now();
    if (answer.header('docker-distribution-api-version') === undefined) {
      const text = `What answers at ${url} (${answer.status}) does not say that it is a registry.`;
      notes.notice(text, ['Check registry.url, and what stands in front of the registry.']);
      return undefined;
    }
    const ahead = Date.parse(answer.header('date') ?? '') - now;
    return Number.isNaN(ahead) ? undefined : ahead;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CleanupError)) throw error;
    // What a run needs of it was asked above.
    notes.notice(error.message, [error.hint]);
    return undefined;
  } finally {
    await transport.close();
  }
}

/** Whether the credentials were not taken, or some are asked for; otherwise it is the address that is wrong. */
function isDenial({ details }: CleanupError): boolean {
  return details.some((reason) => /was answered with 40[13]\b/.test(reason));
}
