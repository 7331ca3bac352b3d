import { statSync } from 'node:fs';
import { ownContainerId } from '../own-container.ts';
import { keyOf } from '../registry/layout.ts';
import type { RegistryState } from '../runtime/runtime.ts';
import { lookAtRights } from '../storage/open.ts';
import { type Denial, type Rights, type RightsKind, stateKind } from '../storage/rights.ts';

/** What a run reads and removes, each with a pattern of its keys. */
const kinds: readonly RightsKind[] = [
  { name: 'revisions', pattern: keyOf.revision('**', '*:*') },
  { name: 'tags', pattern: keyOf.tag('**', '*') },
  { name: 'tag history', pattern: keyOf.tagHistory('**', '*', '*:*') },
  { name: 'layer links', pattern: keyOf.layerLink('**', '*:*') },
  { name: 'uploads', pattern: keyOf.upload('**', '*') },
  { name: 'blobs', pattern: keyOf.blob('*:*') },
];

export interface RightsRefusals {
  /** What we may not do, an example for each kind of file, and last what cures it. Empty: nothing was found. */
  readonly reasons: readonly string[];
  /** Our own directory is concerned: an open journal cannot even be seen. */
  readonly ours: boolean;
}

/** What a run would lack the rights for, so that it does not find out half way. Changes nothing. */
export async function askRights(
  { driver, root }: RegistryState,
  options: { readonly stateDirectory: string; readonly writes: boolean; readonly env: NodeJS.ProcessEnv },
): Promise<RightsRefusals> {
  const { stateDirectory, writes, env } = options;
  const rights = await lookAtRights({ driver, root, kinds, stateDirectory, writes });
  const surroundings: RightsSurroundings = {
    root,
    container: ownContainerId() !== undefined,
    socket: socketOf(env),
  };
  return {
    reasons: rightsTexts(rights, surroundings),
    ours: rights.denials.some(({ kind }) => kind === stateKind),
  };
}

export interface RightsSurroundings {
  readonly root: string;
  /** Whether we run in a container. */
  readonly container: boolean;
  /** The engine's socket, where one is there. */
  readonly socket:
    | { readonly path: string; readonly uid: number; readonly gid: number; readonly mode: number }
    | undefined;
}

/** One line per kind of file, then what to do. */
export function rightsTexts(rights: Rights, surroundings: RightsSurroundings): readonly string[] {
  const paths = new Set<string>();
  const told = new Set<string>();
  const examples = rights.denials.filter(({ kind, path }) => {
    const isNew = !told.has(kind) && !paths.has(path);
    told.add(kind);
    paths.add(path);
    return isNew;
  });
  return [...examples.map(denialText), ...cures(rights, surroundings)];
}

function denialText({ kind, path, deed, because, owner, mode }: Denial): string {
  const owned = `it belongs to ${owner.uid}:${owner.gid}, mode ${mode.toString(8)}`;
  const what = kind === stateKind ? "the cleaner's own files" : kind;
  switch (because) {
    case 'read-only':
      return `${path} (${what}): it is mounted read-only.`;
    case 'immutable':
      return `${path} (${what}): it is immutable (chattr +i).`;
    case 'sticky':
      return `${path} (${what}): only owners may remove what is in it (sticky bit); ${owned}.`;
    case 'rights':
      return `${path} (${what}): no right to ${deed === 'read' ? 'read it' : 'change what is in it'}; ${owned}.`;
  }
}

function cures(rights: Rights, surroundings: RightsSurroundings): readonly string[] {
  const { denials } = rights;
  const lacking = denials.filter(({ because }) => because === 'rights' || because === 'sticky');
  return [
    ...(denials.some(({ because }) => because === 'read-only')
      ? ['Mount the storage so that the cleaner can write to it: in Compose, a volume without ":ro".']
      : []),
    ...(denials.some(({ because }) => because === 'immutable')
      ? [`Take the attribute away: chattr -R -i ${surroundings.root}`]
      : []),
    ...(lacking.length === 0 ? [] : userCures(rights, lacking, surroundings)),
  ];
}

function userCures({ who }: Rights, lacking: readonly Denial[], surroundings: RightsSurroundings): string[] {
  const { container, socket, root } = surroundings;
  const we = `The cleaner runs as ${who.uid}:${who.gid}`;
  const owners = new Map(lacking.map(({ owner }) => [owner.uid, owner]));
  if (owners.delete(who.uid) && owners.size === 0 && who.uid !== 0)
    return [`${we}, the owner, who may not do this: chmod -R u+rwX ${root}`];
  const missing = missingCapabilities(who, lacking);
  if (who.uid === 0 && missing.length > 0) {
    return container
      ? [
          `${we} without a capability that this takes. Its service needs the line: cap_add: [${missing.join(', ')}]`,
        ]
      : [
          `${we} without a capability that this takes: run it with ${missing.map((name) => `CAP_${name}`).join(' and ')}.`,
        ];
  }
  const [owner] = owners.size === 1 ? owners.values() : [];
  const user = owner ?? { uid: 0, gid: 0 };
  if (!container) {
    const asOwner = `sudo -u '#${user.uid}' -g '#${user.gid}' registry-cleanup …`;
    return [user.uid === 0 ? `${we}. Run it as root.` : `${we}. Run it as root, or as the owner: ${asOwner}`];
  }
  const several = owner === undefined ? ` (several users own this: ${[...owners.keys()].join(', ')})` : '';
  return [
    `${we}. Its service needs the line: user: "${user.uid}:${user.gid}"${several}`,
    ...(owner === undefined ? [`… and, where it drops capabilities: cap_add: [DAC_OVERRIDE, FOWNER]`] : []),
    ...socketCure(socket, user),
  ];
}

function missingCapabilities(who: Rights['who'], lacking: readonly Denial[]): string[] {
  const because = new Set(lacking.map((denial) => denial.because));
  return [
    ...(because.has('rights') && !who.overridesRights ? ['DAC_OVERRIDE'] : []),
    ...(because.has('sticky') && !who.overridesSticky ? ['FOWNER'] : []),
  ];
}

/** Another user must still be able to talk to the engine. */
function socketCure(socket: RightsSurroundings['socket'], user: { uid: number; gid: number }): string[] {
  if (socket === undefined || user.uid === 0 || user.uid === socket.uid || user.gid === socket.gid) return [];
  if ((socket.mode & 0o002) !== 0 || (socket.mode & 0o020) === 0) return [];
  return [`… and, for it to reach the engine at ${socket.path}: group_add: ["${socket.gid}"]`];
}

/** The socket that DOCKER_HOST names, or the usual one. Nothing can be said of one that cannot be seen. */
function socketOf(env: NodeJS.ProcessEnv): RightsSurroundings['socket'] {
  const { DOCKER_HOST: host = 'unix:///var/run/docker.sock' } = env;
  if (!host.startsWith('unix://')) return undefined;
  const path = host.slice('unix://'.length);
  try {
    const { uid, gid, mode } = statSync(path);
    return { path, uid, gid, mode };
  } catch {
    return undefined;
  }
}
