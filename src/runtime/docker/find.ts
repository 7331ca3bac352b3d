import type { ContainerSummary } from '../../engine/engine.ts';
import { counted } from '../../format.ts';
import { composeLabel, label } from './labels.ts';

/** Where the live registry is looked for. */
export interface Search {
  /** Of the container that we run in. */
  readonly self: string | undefined;
  /** The Compose project that is ours; undefined outside of one. */
  readonly project: string | undefined;
}

export type Found = { readonly found: ContainerSummary } | { readonly refusal: string };

/** The service that is the registry, where nobody says otherwise. */
const usualService = 'registry';
const cure = 'Name it in registry.container, or give its container the label registry-cleanup.role=live.';
const shownAtMost = 10;

/**
 * The live registry's container: the one with our label, else the service `registry` of our own Compose project. Outside
 * of the own project none is looked for; where there is none, the label is taken wherever it is.
 */
export function findLive(all: readonly ContainerSummary[], search: Search): Found {
  const { project } = search;
  const candidates = all.filter(mayBeLive);
  const near = candidates.filter((one) => project === undefined || projectOf(one) === project);
  const labelled = near.filter(({ labels }) => labels[label.role] === 'live');
  if (labelled.length > 0) return only(labelled, `have the label ${label.role}=live`);
  const serving =
    project === undefined ? [] : near.filter(({ labels }) => labels[composeLabel.service] === usualService);
  if (serving.length > 0)
    return only(serving, `are the service "${usualService}" of the Compose project ${project}`);
  return { refusal: `${nowhere(near, search)} ${cure}` };
}

/** The container that `registry.container` names, by name or id. */
export function findNamed(all: readonly ContainerSummary[], wanted: string, search: Search): Found {
  const name = wanted.replace(/^\//, '');
  const found =
    all.find((one) => one.name === name || one.id === name) ??
    all.find(({ id }) => /^[0-9a-f]{12,}$/.test(name) && id.startsWith(name));
  if (found === undefined) {
    const candidates = all.filter(mayBeLive);
    return {
      refusal: `registry.container: this engine has no container ${wanted}. ${seen(candidates, search)} Set it to one of them.`,
    };
  }
  if (found.labels[label.run] === undefined && found.labels[label.role] !== 'readonly') return { found };
  return {
    refusal: `registry.container: ${wanted} is a stand-in. Set it to the container that users push to.`,
  };
}

/**
 * A stand-in that is declared beside `live`, in its Compose project if it has one. What has our run's label was made by
 * us, and left over.
 */
export function findDeclared(
  all: readonly ContainerSummary[],
  live: Pick<ContainerSummary, 'id' | 'labels'>,
): { readonly found: ContainerSummary | undefined } | { readonly refusal: string } {
  const declared = all.filter(
    (one) =>
      one.labels[label.role] === 'readonly' &&
      one.labels[label.run] === undefined &&
      isLasting(one) &&
      one.id !== live.id &&
      projectOf(one) === projectOf(live),
  );
  if (declared.length < 2) return { found: declared[0] };
  return {
    refusal: `${counted(declared.length, 'container')} have the label ${label.role}=readonly: ${listed(declared)}. Leave it to one.`,
  };
}

export function projectOf({ labels }: Pick<ContainerSummary, 'labels'>): string | undefined {
  return labels[composeLabel.project];
}

function only(found: readonly ContainerSummary[], what: string): Found {
  const [first] = found;
  if (first !== undefined && found.length === 1) return { found: first };
  return {
    refusal:
      `${counted(found.length, 'container')} ${what}: ${listed(found)}. Name the live one in registry.container. ` +
      'A registry that is served by several containers over one storage must be scaled down to one first.',
  };
}

function nowhere(near: readonly ContainerSummary[], search: Search): string {
  const { project } = search;
  const where =
    project === undefined
      ? `The cleaner runs in no Compose project, and no container of this engine has the label ${label.role}=live.`
      : `The Compose project ${project} has no container with the label ${label.role}=live, and no service "${usualService}".`;
  return `${where} ${seen(near, search)}`;
}

/** What there is to choose from: the cleaner itself is not. */
function seen(containers: readonly ContainerSummary[], { self }: Search): string {
  const others = containers.filter(({ id }) => id !== self);
  return others.length === 0 ? 'There are no other containers.' : `Seen: ${listed(others)}.`;
}

/** Running ones first. */
function listed(containers: readonly ContainerSummary[]): string {
  const sorted = [...containers].sort(
    (one, other) =>
      Number(other.state === 'running') - Number(one.state === 'running') || (one.name < other.name ? -1 : 1),
  );
  const shown = sorted.slice(0, shownAtMost).map(({ name, image, state }) => `${name} (${image}, ${state})`);
  const more = sorted.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function mayBeLive(one: ContainerSummary): boolean {
  const { labels, state } = one;
  const role = labels[label.role] ?? 'live';
  return role === 'live' && labels[label.run] === undefined && isLasting(one) && state !== 'removing';
}

/** Not what `docker-compose run` makes. */
export function isLasting({ labels }: Pick<ContainerSummary, 'labels'>): boolean {
  return labels[composeLabel.oneOff]?.toLowerCase() !== 'true';
}
