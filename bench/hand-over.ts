import { randomBytes } from 'node:crypto';
import { docker } from '../test/e2e/support/docker.ts';
import { fill } from '../test/e2e/support/images.ts';
import { buildOddRegistry } from '../test/e2e/support/odd-registry.ts';
import { pullInside } from '../test/e2e/support/pulling-inside.ts';
import { type RegistryContainer, Scene } from '../test/e2e/support/scene.ts';
import { type Attempt, pull } from '../test/support/pulling.ts';
import { type Pushed, pushImage } from '../test/support/push.ts';
import { freePort } from '../test/support/registry.ts';

/*
 * For how long pulls fail at the two hand-overs between live registry and stand-in: of a run, and of the same done with
 * plain docker commands, side by side on one engine, interleaved. A pull that the engine lets wait counts until it is
 * answered. scripts/bench hand-over [rounds]
 */

// A collector that takes a second, so that the two hand-overs are told apart.
const image = await buildOddRegistry(`rc-bench-registry:${randomBytes(4).toString('hex')}`);
const slow = ['-e', 'TEST_ODD=collector-slow'];
const rounds = Number(process.argv[2] ?? 5);
const rows: Record<string, number[][]> = {
  'a run, published port': [],
  'docker stop and start, published port': [],
  'a run, alias': [],
};

for (let round = 0; round < rounds; round++) {
  rows['a run, published port']?.push(await throughPort((scene, registry) => scene.clean(registry)));
  rows['docker stop and start, published port']?.push(await throughPort(byCommands));
  rows['a run, alias']?.push(await throughAlias());
}
for (const [name, measured] of Object.entries(rows)) {
  const [away = 0, back = 0] = [0, 1].map((at) => median(measured.map((gaps) => gaps[at] ?? 0)));
  process.stdout.write(
    `${name.padEnd(38)} away ${away.toFixed(2)} s, back ${back.toFixed(2)} s (median of ${rounds})\n`,
  );
}
await docker('rmi', image);

async function throughPort(
  work: (scene: Scene, registry: RegistryContainer, port: number) => Promise<unknown>,
): Promise<number[]> {
  await using scene = await Scene.open();
  const port = await freePort();
  const registry = await scene.registry({ image, flags: ['-p', `127.0.0.1:${port}:5000`, ...slow] });
  const pulled = await prepared(registry);
  await using client = await pull(`http://127.0.0.1:${port}`, 'app', pulled);
  await work(scene, registry, port);
  return gapsOf(await client.stop());
}

async function throughAlias(): Promise<number[]> {
  await using scene = await Scene.open();
  const registry = await scene.registry({
    image,
    flags: ['-e', 'REGISTRY_HTTP_DRAINTIMEOUT=5s', ...slow],
  });
  const client = await pullInside(scene, 'http://registry:5000', 'app', await prepared(registry));
  await scene.clean(registry);
  return gapsOf(await client.stop());
}

/** What people do by hand: stop the registry, start a read-only one on its port, and back. */
async function byCommands(scene: Scene, registry: RegistryContainer, port: number): Promise<void> {
  const standIn = `${scene.id}-by-hand`;
  const readOnly = 'REGISTRY_STORAGE_MAINTENANCE={"readonly":{"enabled":true}}';
  await docker('stop', registry.name);
  await scene.run(
    standIn,
    ...['--volumes-from', registry.name, '-p', `127.0.0.1:${port}:5000`, '-e', readOnly, 'registry:2'],
  );
  await new Promise((next) => setTimeout(next, 1_000));
  await docker('stop', standIn);
  await docker('start', registry.name);
  await scene.urlOf(registry.name);
}

async function prepared(registry: RegistryContainer): Promise<Pushed> {
  await fill(registry.url);
  return pushImage(registry.url, 'app', 'pulled', { seed: 'pulled' });
}

/** Seconds from the end of the last pull that succeeded to the end of the next one that did, for each stretch of failures. */
function gapsOf(attempts: readonly Attempt[]): number[] {
  const gaps: number[] = [];
  let last: Attempt | undefined;
  let failing = false;
  for (const attempt of attempts) {
    if (!attempt.ok) {
      failing = true;
      continue;
    }
    if (failing && last !== undefined) gaps.push((attempt.end - last.end) / 1000);
    failing = false;
    last = attempt;
  }
  return gaps;
}

function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
