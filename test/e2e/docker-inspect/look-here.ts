import { openEngine } from '../../../src/docker.ts';
import { needEngineAddress } from '../../../src/engine/address.ts';
import { inspect } from '../../../src/runtime/docker/inspect.ts';
import { reachLive } from '../../../src/runtime/docker/reach.ts';

/* Run in a container: looks from there, and prints what it finds as JSON. */
const engine = openEngine(needEngineAddress(process.env));
const options = { hasAuth: false, standIn: true, startTimeoutMs: 10_000, writes: true, env: process.env };
const { state, ground } = await inspect(options, engine, new AbortController().signal);
const reach = ground === undefined ? undefined : await reachLive(ground);
process.stdout.write(
  JSON.stringify({
    state,
    self: ground?.self?.name,
    live: ground?.live.name,
    hostPath: ground?.hostPath,
    reach,
  }),
);
await engine.close();
