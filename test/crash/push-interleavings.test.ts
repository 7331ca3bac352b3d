import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { pullAll, Refused, tagsOf } from '../support/client.ts';
import { type Dice, dice } from '../support/dice.ts';
import { closure } from '../support/oracle.ts';
import { configFor } from '../support/program.ts';
import { noise, pushImage } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { skopeoCopyAll } from '../support/skopeo.ts';
import { type Known, type PushPlan, planPush, push } from '../support/slow-push.ts';

/*
 * Pushes that stop between two of their requests, are kept over a whole run, and go on afterwards. Each ends with a tag
 * that can be pulled, or with a clean error of the client; a retry succeeds; and no tag is there that cannot be pulled.
 */

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const atOnce = 5;
/** 20 pushes over the four kinds of registry; 200. */
const rounds = process.env.LONG === '1' ? 10 : 1;

const kinds = [
  { keepWithin: '0s', secret: 'the same after a restart' },
  { keepWithin: '0s', secret: undefined },
  { keepWithin: '1h', secret: 'the same after a restart' },
  { keepWithin: '1h', secret: undefined },
] as const;

const v2 = 'docker/registry/v2';
/** How often pushes ended how. */
type Ends = Record<string, number>;

it.each(kinds)(
  `pushes kept over a run end well or as clean errors: keepWithin $keepWithin, http.secret $secret (SEED=${seed})`,
  { timeout: rounds * 120_000 },
  async ({ keepWithin, secret }) => {
    const config = secret === undefined ? {} : { http: { secret } };
    const ends: Ends = {};
    await using registry = await startRegistry({ config });
    const cleanup = configFor(registry, {
      registry: { drain: { timeout: '0s' } },
      more: { untagged: { keepWithin } },
    });
    for (let round = 0; round < rounds; round++) {
      const known = await fill(registry, round);
      const roll = dice(
        seed +
          1_000 * round +
          kinds.findIndex((kind) => kind.keepWithin === keepWithin && kind.secret === secret),
      );
      const pushes: Kept[] = [];
      const targets = new Set<string>();
      while (pushes.length < atOnce) {
        const plan = planPush(`r${round}-p${pushes.length}`, known, roll);
        // Of two that move one tag nobody can tell which it should name.
        const target = `${plan.repository}:${plan.tag}`;
        if (targets.has(target)) continue;
        targets.add(target);
        pushes.push(await begin(registry, plan, roll));
      }

      const { outcome, error, steps } = await runHere(cleanup);
      expect({ outcome, error }).toEqual({ outcome: 'ok', error: null });
      expect(steps.find(({ id }) => id === 'collect')).toMatchObject({ outcome: 'ok' });

      for (const kept of pushes) await goOn(registry, kept, ends);
      await allPull(registry, [...new Set(pushes.map(({ plan }) => plan.repository)), 'team/app', 'old/app']);
    }
    const secrecy = secret === undefined ? 'no' : 'a';
    process.stdout.write(
      `keepWithin ${keepWithin}, ${secrecy} secret, SEED=${seed}: ${JSON.stringify(ends)}\n`,
    );
  },
);

it.each(Array.from({ length: rounds }, (_, index) => seed + index))(
  'a skopeo that is stopped in the middle of a push and goes on after the run (SEED=%i)',
  async (seed) => {
    await using registry = await startRegistry({ config: { http: { secret: 'the same after a restart' } } });
    const { url, root, directory } = registry;
    await fill(registry, 0);
    const layers = Array.from({ length: 30 }, (_, index) => noise(`${seed} ${index}`, 30_000));
    await pushImage(url, 'source', 'v1', { layers });
    const image = join(directory, 'image');
    await skopeoCopyAll(url, 'source', 'v1', image);
    const cleanup = configFor(registry, { registry: { drain: { timeout: '0s' } } });

    const skopeo = copyTo(url, image);
    const links = join(root, v2, 'repositories/target/_layers/sha256');
    const enough = 1 + dice(seed).below(layers.length - 5);
    while (!existsSync(links) || readdirSync(links).length < enough) await sleep(1);
    skopeo.child.kill('SIGSTOP');
    expect(await runHere(cleanup)).toMatchObject({ outcome: 'ok', error: null });
    skopeo.child.kill('SIGCONT');

    const { exitCode, stderr } = await skopeo.ended;
    if (exitCode === 0) await pullAll(url, 'target', 'v1');
    else expect(stderr).not.toBe('');
    await allPull(registry, ['target', 'team/app', 'source']);
    expect(await copyTo(url, image).ended).toMatchObject({ exitCode: 0 });
    expect(await pullAll(url, 'target', 'v1')).toBe(await pullAll(url, 'source', 'v1'));
  },
);

/** One that is not ours. */
const client = 'skopeo';

/** Pushes what is in a directory. */
function copyTo(url: string, directory: string) {
  const flags = ['--insecure-policy', 'copy', '--quiet', '--preserve-digests', '--dest-tls-verify=false'];
  const target = `docker://${new URL(url).host}/target:v1`;
  const child = spawn(client, [...flags, '--dest-no-creds', `dir:${directory}`, target], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 100_000,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([exitCode]) => ({ exitCode: exitCode as number | null, stderr }));
  return { child, ended };
}

interface Kept {
  readonly plan: PushPlan;
  readonly requests: AsyncGenerator<string, string>;
  /** What it did before it stopped. */
  readonly told: readonly string[];
}

/** Makes some of the requests of a push. */
async function begin({ url }: TestRegistry, plan: PushPlan, roll: Dice): Promise<Kept> {
  const requests = push(url, plan);
  const told: string[] = [];
  for (let left = 1 + roll.below(mostRequests(plan) - 1); left > 0; left--) {
    const next = await requests.next();
    told.push(String(next.value));
    if (next.done === true) break;
  }
  return { plan, requests, told };
}

/** Requests before the last one, at least: where blobs are there already, it is over sooner. */
function mostRequests({ images }: PushPlan): number {
  const layers = images.flatMap(({ layers }) => layers);
  return layers.length * 3 + images.length * 4;
}

async function goOn({ url }: TestRegistry, { plan, requests, told }: Kept, ends: Ends): Promise<void> {
  const what = `${JSON.stringify({ ...plan, images: plan.images.length })} after ${told.join(', ')} (SEED=${seed})`;
  let pushed: string | undefined;
  try {
    let next = await requests.next();
    while (next.done !== true) next = await requests.next();
    // One that was over before the run has nothing left to tell.
    pushed = next.value ?? told.at(-1);
    count(ends, 'pushed');
  } catch (error) {
    if (!(error instanceof Refused)) throw new Error(`${what}: neither pushed nor refused`, { cause: error });
    expect(error.status, `${what}: ${error.message}`).toBeGreaterThanOrEqual(400);
    expect(error.status, `${what}: ${error.message}`).toBeLessThan(500);
    count(ends, error.message.replace(/.*: (\d+) .*"code":"(\w+)".*/s, '$1 $2'));
  }
  if (pushed !== undefined)
    expect(await pullAll(url, plan.repository, plan.tag).catch(String), what).toBe(pushed);

  const again = push(url, plan);
  let next = await again.next();
  while (next.done !== true) next = await again.next();
  expect(await pullAll(url, plan.repository, plan.tag).catch(String), `${what}, again`).toBe(next.value);
}

/** Every tag that is listed can be pulled by a client that comes fresh, and is whole on the disk. */
async function allPull(registry: TestRegistry, repositories: readonly string[]): Promise<void> {
  for (const repository of repositories)
    for (const tag of await tagsOf(registry.url, repository)) await pullAll(registry.url, repository, tag);
  const damaged = [...closure(registry.root)].filter(([, { damaged }]) => damaged.length > 0);
  expect(damaged).toEqual([]);
}

/** Tags that stay, and two kinds of litter: old, which every run removes; and young, which keepWithin may keep. */
async function fill({ url, root }: TestRegistry, round: number): Promise<Known> {
  const seeds = (what: string): [string, ...string[]] => [`${what} ${round} one`, `${what} ${round} two`];
  const [litter, kept, old] = [seeds('litter'), seeds('kept'), seeds('old')];
  for (const seed of old) await pushImage(url, 'old/app', 'latest', { seed });
  await pushImage(url, 'old/app', 'latest', { seed: 'old, and needed' });
  const repositories = join(root, v2, 'repositories');
  execFileSync('find', [join(repositories, 'old'), '-exec', 'touch', '-d', '2 hours ago', '{}', '+']);
  for (const seed of litter) await pushImage(url, 'team/app', 'latest', { seed });
  await pushImage(url, 'team/app', 'latest', { seed: kept[0] });
  await pushImage(url, 'team/base', 'v1', { seed: kept[1] });
  return {
    litter: { repository: 'team/app', seeds: litter },
    kept: { repository: 'team/base', seeds: [kept[1] ?? ''] },
    tagged: { repository: 'team/app', tag: 'latest' },
  };
}

function count(ends: Ends, end: string): void {
  ends[end] = (ends[end] ?? 0) + 1;
}
