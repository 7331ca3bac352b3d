import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Attempt, outageOf, pull } from '../support/pulling.ts';
import { type Pushed, pushImage } from '../support/push.ts';
import { docker, leftBehind } from './support/docker.ts';
import { expectOpen, fill } from './support/images.ts';
import { buildOddRegistry } from './support/odd-registry.ts';
import { pullInside } from './support/pulling-inside.ts';
import { freePort, Scene } from './support/scene.ts';

/* What those who pull see while a run is under way. */

// The real registry, with a collector that takes its time.
const slow = `rc-slow-registry:${randomBytes(4).toString('hex')}`;
beforeAll(() => buildOddRegistry(slow));
afterAll(async () => {
  await docker('rmi', slow);
});

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene[Symbol.asyncDispose]());

const collectorTakesTime = ['-e', 'TEST_ODD=collector-slow'];

async function image(url: string): Promise<Pushed> {
  return pushImage(url, 'app', 'pulled', { seed: 'pulled' });
}

describe('a client in the network of the registry', () => {
  it('sees no failure during a whole run', async () => {
    // A registry without it cuts off what is in flight whenever it is stopped, by whomever.
    const drains = ['-e', 'REGISTRY_HTTP_DRAINTIMEOUT=5s'];
    const registry = await scene.registry({ image: slow, flags: [...drains, ...collectorTakesTime] });
    await fill(registry.url);
    const pulled = await image(registry.url);
    const client = await pullInside(scene, 'http://registry:5000', 'app', pulled);
    const { report } = await scene.clean(registry);
    const attempts = await client.stop();
    expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, window: { unavailableSeconds: 0 } });
    expect(attempts.length).toBeGreaterThan(100);
    expect(failed(attempts)).toEqual([]);
    expect(await leftBehind(registry)).toEqual([]);
    await expectOpen(await scene.urlOf(registry.name));
  });
});

describe('a client at the published port', () => {
  it('misses no more than the report admits', async () => {
    const port = await freePort();
    const registry = await scene.registry({
      image: slow,
      flags: ['-p', `127.0.0.1:${port}:5000`, ...collectorTakesTime],
    });
    await fill(registry.url);
    const pulled = await image(registry.url);
    await using client = await pull(`http://127.0.0.1:${port}`, 'app', pulled);
    const { report } = await scene.clean(registry);
    const attempts = await client.stop();
    expect(report).toMatchObject({ outcome: 'ok', exitCode: 0 });
    const { unavailableSeconds = 0, readOnlySeconds = 0 } = report.window ?? {};
    const outage = outageOf(attempts);
    expect(outage).toBeGreaterThan(0);
    expect(outage).toBeLessThanOrEqual(unavailableSeconds);
    // Both hand-overs are in it: pushes were refused at least from the first pull that failed to the last.
    const failures = failed(attempts);
    const span = ((failures.at(-1)?.start ?? 0) - (failures[0]?.end ?? 0)) / 1000;
    expect(span).toBeGreaterThan(1);
    expect(span).toBeLessThanOrEqual(readOnlySeconds);
    // The stand-in served in between: the run did not just leave the registry closed.
    expect(unavailableSeconds).toBeLessThan(readOnlySeconds);
  });
});

function failed(attempts: readonly Attempt[]): readonly Attempt[] {
  return attempts.filter(({ ok }) => !ok);
}
