import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Answer, summed, watchClosed } from '../../../bench/collect/probe.ts';
import { freePort } from '../../support/registry.ts';

describe('the time for which pushes are not taken', () => {
  const answers = (...kinds: readonly Answer['kind'][]): Answer[] =>
    kinds.map((kind, at) => ({ kind, asked: at, came: at + 0.5 }));

  it('is from the last answer of a registry that takes them to the next one', () => {
    expect(summed(answers('open', 'open', 'none', 'read-only', 'read-only', 'none', 'open', 'open'))).toEqual(
      {
        closed: 5,
        unavailable: 4,
      },
    );
    expect(summed(answers('open', 'open'))).toEqual({ closed: 0, unavailable: 0 });
    expect(summed(answers('open', 'read-only', 'open', 'read-only', 'open')).closed).toBe(4);
  });

  it('is seen by pushing what is no manifest', async () => {
    const port = await freePort();
    const client = watchClosed(`http://127.0.0.1:${port}`);
    const live = await serve(port, 400);
    await asked(live, 3);
    await close(live);
    await sleep(60);
    const standIn = await serve(port, 405);
    await asked(standIn, 3);
    await close(standIn);
    const again = await serve(port, 400);
    const { closed, unavailable } = await client.stop();
    await close(again);
    // Nobody listened for 60 ms, of which a clock may leave out a little; three answers are two waits of 10 ms apart.
    expect(unavailable).toBeGreaterThan(0.05);
    expect(closed - unavailable).toBeGreaterThan(0.015);
  });

  it('is not told where the answer is another one', async () => {
    const port = await freePort();
    const server = await serve(port, 401);
    const client = watchClosed(`http://127.0.0.1:${port}`);
    await sleep(40);
    await expect(client.stop()).rejects.toThrow('answered 401');
    await close(server);
  });
});

function serve(port: number, status: number): Promise<Server> {
  const server = createServer((_, response) => {
    response.statusCode = status;
    response.end();
  });
  const { promise, resolve } = Promise.withResolvers<Server>();
  server.listen(port, '127.0.0.1', () => resolve(server));
  return promise;
}

async function asked(server: Server, times: number): Promise<void> {
  for (let time = 0; time < times; time++) await once(server, 'request');
}

function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  return promise;
}
