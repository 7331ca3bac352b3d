import type { Container } from '../../engine/engine.ts';
import { problem } from '../../errors.ts';
import type { Findings } from '../findings.ts';
import type { Reach } from '../runtime.ts';
import type { Ground } from './ground.ts';
import { findWay, type Unreached, urlOf, type Vantage, vantageOf } from './serves.ts';

/** How the registry in `container` is reached. Throws REGISTRY_UNREACHABLE with what was tried, and the cure. */
export async function reach(from: Vantage, container: Container): Promise<Reach> {
  const found = await findWay(from, container);
  if ('url' in found) return found;
  throw problem('REGISTRY_UNREACHABLE', {
    url: urlOf(from, container),
    reason: whyUnreached(container, found),
  });
}

/**
 * How the live registry is reached now: as users do where that is configured, otherwise directly. Its address may be
 * another one after a restart. Throws REGISTRY_UNREACHABLE.
 */
export async function reachLive(ground: Ground): Promise<Reach> {
  const { engine, live, options } = ground;
  if (options.url !== undefined) return { url: options.url.replace(/\/+$/, '') };
  const now = (await engine.inspect(live.id)) ?? (await engine.inspect(live.name));
  if (now !== undefined) return reach(vantageOf(ground), now);
  const reason = `the container ${live.name} is gone`;
  throw problem('REGISTRY_UNREACHABLE', { url: urlOf(vantageOf(ground), live), reason });
}

/**
 * Where users, or else we, reach the live registry, and where it would be while it does not run. Undefined, and a
 * refusal: it runs, and does not answer.
 */
export async function findUrl(
  ground: Parameters<typeof vantageOf>[0],
  { refusals }: Findings,
): Promise<string | undefined> {
  const { live, options } = ground;
  if (options.url !== undefined) return options.url.replace(/\/+$/, '');
  const from = vantageOf(ground);
  const { running, paused, restarting } = live.state;
  if (!running || paused || restarting) return urlOf(from, live);
  const found = await findWay(from, live);
  if ('url' in found) return found.url;
  refusals.push(
    `The live registry in the container ${live.name} does not answer: ${whyUnreached(live, found)}.`,
  );
  return undefined;
}

/** What was tried and came of it, and then, as a sentence of its own, the cure. */
function whyUnreached({ name, state }: Container, unreached: Unreached): string {
  if (!state.running) return `the container ${name} is ${state.status}`;
  const { tried } = unreached;
  const what = tried.length === 0 ? 'no way leads there' : `tried ${tried.join(', ')}`;
  return `${what}. ${cureOf(unreached)}`;
}

function cureOf({ target, standpoint }: Unreached): string {
  if (standpoint.kind === 'remote')
    return 'Run the cleaner in a container on that machine, or set registry.url';
  const there = target.endpoints.map(({ network }) => network);
  if (standpoint.kind === 'container' && standpoint.site.networkMode !== 'host') {
    const { site } = standpoint;
    const shared = site.endpoints.some(({ network }) => there.includes(network)) || site.id === target.id;
    if (!shared && there.length > 0 && !/^(none|host)$/.test(target.networkMode))
      return `Put the cleaner into a network of the registry: ${there.join(' or ')}`;
  }
  return "See the registry's log, and http in its configuration, or set registry.url";
}
