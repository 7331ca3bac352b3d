import { existsSync, realpathSync } from 'node:fs';
import { collectorOf } from '../config/collector.ts';
import type { StorageRootHint } from '../config/legacy.ts';
import type { Config } from '../config/schema.ts';
import { CleanupError, fail } from '../errors.ts';
import { counted } from '../format.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { type ReadOptions, type ReadProgress, readInventory } from '../inventory/read.ts';
import { lookAtRoot } from '../inventory/root.ts';
import type { StepContext } from '../pipeline/pipeline.ts';
import { decideDeleteUntagged } from '../plan/delete-untagged.ts';
import type { About } from '../plan/findings.ts';
import { askGuards, type Refusal } from '../plan/guards.ts';
import type { Plan } from '../plan/plan.ts';
import type { Client } from '../registry/client.ts';
import { storageRoot } from '../registry/layout.ts';
import type { RegistryState } from '../runtime/runtime.ts';
import type { Reader } from '../storage/storage.ts';
import { commandFor } from './check-cure.ts';

/** Where a storage holds nothing to clean, and that is no mistake. */
export type Ground =
  | { readonly kind: 'registry'; readonly missing: readonly string[] }
  | { readonly kind: 'empty' };

/** Tells a registry's storage from an empty one; refuses what is neither. */
export async function inspectRoot(reader: Reader): Promise<Ground> {
  const root = await lookAtRoot(reader);
  if (root.kind === 'foreign') {
    const found = root.found.slice(0, 5).join(', ');
    fail('REFUSED', {
      reasons: [
        `${reader.locate('')}: this is not the storage of a registry: it holds ${found}, but no docker/registry/v2. Point registry.config to the registry's own config.yml, and check that its storage is mounted.`,
      ],
    });
  }
  if (root.kind === 'odd') {
    fail('REFUSED', {
      reasons: [
        `${reader.locate(root.key)}: not a directory but something else, such as a symbolic link, which the collector would see differently. Put the data itself there (a bind mount does as well).`,
      ],
    });
  }
  return root;
}

/** Refuses when REGISTRY_DIR or REGISTRY_DATA_DIR mean another storage than the registry's own configuration does. */
export function checkHint(hint: StorageRootHint | undefined, state: RegistryState): void {
  if (hint === undefined) return;
  const named = stripStorageRoot(existsSync(hint.path) ? realpathSync(hint.path) : hint.path);
  if (named === state.root) return;
  fail('REFUSED', {
    reasons: [
      `${hint.path}: ${hint.variable} says that the storage is here, but the registry's own configuration says ${state.root}. Unset ${hint.variable}, or mend registry.config.`,
    ],
  });
}

/** Earlier tools were given the driver's root, or `docker/registry/v2` below it. */
function stripStorageRoot(path: string): string {
  const suffix = `/${storageRoot.slice(0, -1)}`;
  return path.endsWith(suffix) ? path.slice(0, -suffix.length) : path;
}

/** Names of the repositories that the live registry lists, for comparison with the storage; undefined where it won't. */
export async function askCatalog(
  client: Client,
  state: RegistryState,
  hasAuth: boolean,
): Promise<readonly string[] | undefined> {
  if (state.live === 'stopped' || state.proxy !== undefined) return undefined;
  if (state.auth !== 'none' && !hasAuth) return undefined;
  return (await client.catalog(1000).catch(refuseAnswer)).names;
}

/** Credentials that are not taken now would prove nothing either once the registry is stopped. */
function refuseAnswer(error: unknown): never {
  if (!(error instanceof CleanupError) || error.code !== 'REGISTRY_ANSWERED') throw error;
  return fail('REFUSED', { reasons: [`${error.message} ${error.hint}`] }, error);
}

/** A registry that lists repositories does not use an empty storage: a mount is missing, or it is another one. */
export function refuseWrongMount(reader: Reader, apiRepositories: readonly string[] | undefined): void {
  if (apiRepositories === undefined || apiRepositories.length === 0) return;
  fail('REFUSED', {
    reasons: [
      `${reader.locate('')}: it is empty, but the live registry lists ${counted(apiRepositories.length, 'repository')} (${apiRepositories[0]} …). Point registry.config (and its environment) to the storage that the live registry really uses, and check that it is mounted.`,
    ],
  });
}

/**
 * Reads the storage, telling how far it got. `thorough`: all that the registry's own collector would stumble over is
 * looked for (the default).
 */
export async function read(
  reader: Reader,
  context: StepContext,
  options: Pick<ReadOptions, 'known' | 'afresh' | 'thorough' | 'threads'> = {},
): Promise<Inventory> {
  const inventory = await readInventory(reader, {
    ...options,
    signal: context.signal,
    onProgress: (progress) => context.progress(progressText(progress)),
  });
  const { repositories, tags, manifests, blobs } = inventory.counts;
  const parts = [
    counted(repositories, 'repository'),
    counted(tags, 'tag'),
    counted(manifests, 'manifest'),
    counted(blobs, 'blob'),
  ];
  context.note(parts.join(', '));
  return inventory;
}

function progressText({ phase, done, total, bytes }: ReadProgress): Parameters<StepContext['progress']>[0] {
  const what = phase === 'repositories' ? 'entries of repositories' : phase;
  return { done, total, bytes, text: what };
}

/** What decides, beside what the storage holds, how bad a thing is. `missing`: areas that the storage lacks. */
export function aboutOf(config: Config, { major, proxy }: RegistryState, missing: readonly string[]): About {
  return {
    major,
    proxy,
    allowNoTags: config.unsafe.allowNoTags,
    missingAreas: missing,
    collector: collectorOf(config),
  };
}

/** Throws REFUSED with everything that speaks against `plan`, each line with path, reason and cure. */
export function guard(
  plan: Plan,
  options: {
    readonly config: Config;
    readonly state: RegistryState;
    readonly reader: Reader;
    readonly missing: readonly string[];
    readonly apiRepositories: readonly string[] | undefined;
  },
): void {
  const { config, state, reader, missing, apiRepositories } = options;
  const about = aboutOf(config, state, missing);
  const refusals: Refusal[] = askGuards({ ...about, plan, apiRepositories });
  const flag =
    about.collector === 'native'
      ? undefined
      : decideDeleteUntagged(plan, config.garbageCollect.deleteUntagged);
  if (flag?.refused === true) {
    refusals.push({
      guard: 'delete-untagged',
      key: undefined,
      reason: `garbageCollect.deleteUntagged is true, but ${flag.because}`,
      cure: 'Set it to "auto".',
    });
  }
  if (refusals.length === 0) return;
  fail('REFUSED', { reasons: refusals.map((refusal) => refusalText(refusal, reader, state)) });
}

function refusalText({ key, reason, cure, finding }: Refusal, reader: Reader, state: RegistryState): string {
  const place = key === undefined ? '' : `${reader.locate(key)}: `;
  const command = finding && commandFor(finding, state, (path) => reader.locate(path));
  return `${place}${reason}. ${cure}${command ? ` Command: \`${command}\`.` : ''}`;
}
