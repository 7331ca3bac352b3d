import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StepId } from '../../src/pipeline/steps.ts';
import { pathsBelow } from '../support/bench.ts';
import { type Mould, pushLitter, takeMould } from '../support/mould.ts';
import { type Act, type Operation, systemError, tap } from '../support/operations.ts';
import { assertNothingLost, type Closures, closure } from '../support/oracle.ts';
import { configFor, type Report } from '../support/program.ts';
import { startRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { stateDirectory } from '../support/tree.ts';

/*
 * Operations on the storage fail in whole runs: in all of their steps that look at it or change it. SEED repeats a
 * sample; LONG=1 takes every operation of apply and tidy, and many of the others.
 */

const errnos = ['EIO', 'EACCES', 'EROFS', 'ENOSPC', 'ENOENT'] as const;
const long = process.env.LONG === '1';
/** The usual sample is the same each time: there is a case of its own for every step and most kinds of operations. */
const seed = Number(process.env.SEED ?? (long ? Date.now() % 2 ** 31 : 2142874541));

let mould: Mould;
let closures: Closures;
beforeAll(async () => {
  await using registry = await startRegistry();
  await pushLitter(registry.pushUrl);
  await registry.stop();
  mould = takeMould(registry);
  closures = closure(mould.original);
});
afterAll(() => mould[Symbol.dispose]());

type Placed = Operation & { readonly step: StepId | undefined };

interface Place extends AsyncDisposable {
  readonly root: string;
  run(act?: (operation: Placed) => void): Promise<Report & { readonly left: readonly { path: string }[] }>;
}

async function openPlace(): Promise<Place> {
  const copy = mould.copy();
  const registry = await startRegistry({ root: copy.root, start: false });
  // Nothing is served meanwhile, so nobody goes on serving when this test is killed.
  const quiet = { readonlyInstance: false, repositories: { removeEmpty: true } };
  const more = { uploads: { keepWithin: '0s' }, ...quiet };
  const config = configFor(registry, { live: 'stopped', more });
  const own = join(copy.root, stateDirectory);
  return {
    root: copy.root,
    async run(act = () => {}) {
      let step: StepId | undefined;
      const placed: Act = (operation, when) => {
        if (when === 'before') act({ ...operation, step });
      };
      using _ = tap({ below: copy.root, except: [own], act: placed });
      const onEvent = (event: { type: string; id?: StepId }): void => {
        if (event.type === 'step-started') step = event.id;
        if (event.type === 'step-ended') step = undefined;
      };
      return (await runHere(config, { onEvent })) as Report & { left: readonly { path: string }[] };
    },
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      copy[Symbol.dispose]();
    },
  };
}

/** What is wrong after `errno` at the operation of this number. */
async function disturb(
  number: number,
  errno: string,
  cleaned: readonly string[],
): Promise<readonly string[]> {
  await using place = await openPlace();
  let hit: Placed | undefined;
  const document = await place.run((operation) => {
    if (operation.number !== number) return;
    hit = operation;
    throw systemError(errno, operation);
  });
  const wrong: string[] = [];
  if (hit === undefined) return [`${number} was not met`];
  const { exitCode, outcome, error, left, warnings } = document;
  // What vanished is no failure, and the registry is brought back though nobody can look at its storage.
  const heeded = errno !== 'ENOENT' && hit.step !== 'restore';
  if (exitCode === 0 && heeded) wrong.push('nothing came of it');
  // What is told not to be there, where it is looked for, is told as lost: that is what looking is for.
  const missed = errno === 'ENOENT' && ['collect', 'verify', 'verify-live'].includes(hit.step ?? '');
  // What was not there when the registry was closed, and is there before blobs go, has come since.
  const came = errno === 'ENOENT' && hit.step === 'recheck';
  if (![0, 1, 3, 6, ...(missed ? [21] : []), ...(came ? [5] : [])].includes(exitCode))
    wrong.push(`exit ${exitCode}: ${JSON.stringify(error)}`);
  if ((exitCode === 3) !== (outcome === 'partial')) wrong.push(`exit ${exitCode}, ${outcome}`);
  const told = JSON.stringify([error, left, warnings]);
  if (heeded && !told.includes(hit.path)) wrong.push(`not told: ${told}`);
  if (exitCode === 3 && left.length === 0) wrong.push('exit 3, and no list');
  const own = join(place.root, stateDirectory);
  const open = existsSync(own)
    ? readdirSync(own).filter((name) => name !== 'runs' && name !== 'reserve')
    : [];
  if (open.length > 0) wrong.push(`left open: ${open}`);
  try {
    assertNothingLost(closures, closure(place.root));
  } catch (lost) {
    wrong.push(String(lost));
  }
  const next = await place.run();
  if (next.exitCode !== 0) wrong.push(`the next run: ${next.outcome}, ${next.error?.message}`);
  const now = pathsBelow(place.root).filter(isWorthIt);
  const differs = cleaned.filter((path) => !now.includes(path));
  differs.push(...now.filter((path) => !cleaned.includes(path)));
  if (differs.length > 0) wrong.push(`the next run ends elsewhere: ${differs}`);
  const where = `${errno} at ${number} (${hit.step}: ${hit.call} ${hit.path.slice(place.root.length)})`;
  return wrong.map((text) => `${where}: ${text}`);
}

/** Uploads, empty directories and tag history are not worth closing a registry for: they go with what is. */
function isWorthIt(path: string): boolean {
  return /\/(?:link|data)$/.test(path) && !/\/_uploads\/|\/tags\/[^/]+\/index\//.test(path);
}

it(`a fault at any operation of a run: nothing lost, told with its path, and the next run converges (SEED=${seed})`, {
  timeout: long ? 7_200_000 : 300_000,
}, async () => {
  const operations: Placed[] = [];
  let cleaned: readonly string[];
  {
    await using place = await openPlace();
    expect(await place.run((operation) => operations.push(operation))).toMatchObject({
      outcome: 'ok',
      left: [],
    });
    cleaned = pathsBelow(place.root).filter(isWorthIt);
  }
  const steps = Map.groupBy(operations, ({ step }) => step);
  expect([...steps.keys()]).toEqual(
    expect.arrayContaining(['inventory', 'recheck', 'apply', 'tidy', 'verify']),
  );
  const wrong: string[] = [];
  for (const [step, all] of steps) {
    const removes = step === 'apply' || step === 'tidy';
    const share = long ? (removes ? all.length : 40) : removes ? 3 : 1;
    for (const { number } of sample(all, share))
      wrong.push(...(await disturb(number, errnos[(number + seed) % errnos.length] ?? 'EIO', cleaned)));
  }
  expect(wrong, `SEED=${seed}`).toEqual([]);
});

it('a manifest that cannot be removed keeps all that it names, and the collector is told nothing of untagged ones', async () => {
  const alone = async (): Promise<Place> => {
    const place = await openPlace();
    // Its children stay untagged, and speak against --delete-untagged already.
    rmSync(join(place.root, 'docker/registry/v2/repositories/multi'), { recursive: true });
    return place;
  };
  {
    await using place = await alone();
    expect(await place.run()).toMatchObject({ exitCode: 0, left: [], collector: { deleteUntagged: true } });
  }
  await using place = await alone();
  let stuck = '';
  const document = await place.run((operation) => {
    if (operation.call !== 'unlink' || !/\/revisions\/.*\/link$/.test(operation.path)) return;
    stuck = operation.path;
    throw systemError('EACCES', operation);
  });
  expect(document).toMatchObject({ outcome: 'partial', exitCode: 3, error: null });
  expect(document.collector).toMatchObject({
    deleteUntagged: false,
    because: 'some references could not be removed',
  });
  expect(document.left[0]).toEqual({ path: stuck, reason: 'permission denied (EACCES)' });
  const v2 = join(place.root, 'docker/registry/v2');
  const hexOf = (digest: string): string => digest.slice('sha256:'.length);
  const dataOf = (hex: string): string => join(v2, 'blobs/sha256', hex.slice(0, 2), hex, 'data');
  const manifest = JSON.parse(readFileSync(dataOf(basename(dirname(stuck))), 'utf8'));
  for (const { digest } of [manifest.config, ...manifest.layers]) {
    expect(existsSync(dataOf(hexOf(digest)))).toBe(true);
    expect(existsSync(join(v2, 'repositories/team/app/_layers/sha256', hexOf(digest), 'link'))).toBe(true);
  }

  expect(await place.run()).toMatchObject({ exitCode: 0, left: [], collector: { deleteUntagged: true } });
  expect(existsSync(stuck)).toBe(false);
});

/** So many of them, spread evenly, beginning where the seed says. */
function sample<T>(all: readonly T[], size: number): readonly T[] {
  const stride = all.length / Math.min(size, all.length);
  const first = seed % Math.max(1, Math.floor(stride));
  return Array.from(
    { length: Math.min(size, all.length) },
    (_, i) => all[Math.floor(i * stride) + first],
  ).flatMap((one) => one ?? []);
}
