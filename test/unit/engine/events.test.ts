import type { RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeEngines, fakeEngines, refusal } from './fake-engines.ts';

let fake: FakeEngines;
beforeEach(() => {
  fake = fakeEngines();
});
afterEach(() => fake[Symbol.asyncDispose]());

describe('events', () => {
  const begin = async (listener: RequestListener) => {
    const engine = await fake.answering(listener, 1);
    const seen: string[] = [];
    const ended = Promise.withResolvers<string>();
    const stop = new AbortController();
    let ends = 0;
    const begun = engine.events({
      signal: stop.signal,
      onEvent: (event) => seen.push(event.action),
      onEnded(reason) {
        ends += 1;
        ended.resolve(reason);
      },
    });
    return { engine, seen, ended: ended.promise, ends: () => ends, stop, begun };
  };
  const event = JSON.stringify({
    Type: 'container',
    Action: 'start',
    Actor: { ID: 'x', Attributes: { name: 'y' } },
  });

  test('that never begin are an error', async () => {
    const { begun } = await begin(() => {});
    expect((await refusal(begun)).message).toContain('GET /events: no answer within 1 s');
  });

  test('that end are told once, each way in which they can', async () => {
    const ways: readonly RequestListener[] = [
      (_request, response) => response.end(`${event}\n`),
      (_request, response) => response.write(`${event}\n`, () => setTimeout(() => response.destroy(), 20)),
      (_request, response) => response.write(`${event}\nnonsense\n`),
      (_request, response) => response.write(`${event}\n{"Action":"start"}\n`),
    ];
    const reasons: string[] = [];
    for (const way of ways) {
      const { begun, seen, ended, ends } = await begin((request, response) => {
        response.flushHeaders();
        way(request, response);
      });
      await begun;
      reasons.push(await ended);
      await sleep(20);
      expect({ seen, ends: ends() }).toEqual({ seen: ['start'], ends: 1 });
    }
    expect(reasons).toEqual([
      'the engine ended the stream',
      expect.stringContaining('GET /events'),
      expect.stringContaining('JSON'),
      expect.stringContaining('"ID"'),
    ]);
  });

  test('that nobody wants any more are ended, and not told', async () => {
    let closed = 0;
    const { engine, begun, ends, stop } = await begin((request, response) => {
      response.flushHeaders();
      request.socket.once('close', () => {
        closed += 1;
      });
    });
    await begun;
    const reason = new Error('enough');
    stop.abort(reason);
    await expect.poll(() => closed).toBe(1);
    const again = engine.events({ signal: stop.signal, onEvent() {}, onEnded() {} });
    await expect(again).rejects.toBe(reason);
    expect(ends()).toBe(0);
  });

  test('that nobody wants any more before they begin are given up', async () => {
    const reason = new Error('enough');
    const { begun, ends, stop } = await begin(() => stop.abort(reason));
    await expect(begun).rejects.toBe(reason);
    expect(ends()).toBe(0);
  });

  test('end when the engine is closed, and an exec with them', async () => {
    let closed = 0;
    const { engine, begun, ends } = await begin((request, response) => {
      if (request.url?.endsWith('/exec')) return response.end('{"Id":"e"}');
      response.flushHeaders();
      request.socket.once('close', () => {
        closed += 1;
      });
      return;
    });
    await begun;
    const exec = await engine.exec('x', ['true'], () => {});
    await engine.close();
    expect(await refusal(exec.output)).toMatchObject({ code: 'ENGINE_UNREACHABLE' });
    await expect.poll(() => closed).toBe(2);
    expect(ends()).toBe(0);
  });
});
