import { describe, expect, it } from 'vitest';
import type { ContainerSummary, Engine, EngineEvent } from '../../../../src/engine/engine.ts';
import type { Ground } from '../../../../src/runtime/docker/ground.ts';
import { createWatch } from '../../../../src/runtime/docker/watch.ts';
import { container } from './containers.ts';

/* The engine's events are faked: that a stream ends at the worst moment cannot be provoked in a real one. */

const live = container('bridge', { id: 'a'.repeat(64), name: 'registry' });

class Events {
  readonly listeners: { onEvent: (event: EngineEvent) => void; onEnded: (reason: string) => void }[] = [];
  running: ContainerSummary[] = [];
  refusing = false;
  looks = 0;

  readonly engine = {
    events: async (listener: (typeof this.listeners)[number]) => {
      if (this.refusing) throw new Error('no engine');
      this.listeners.push(listener);
    },
    list: async () => {
      this.looks++;
      return this.running;
    },
    inspect: async () => undefined,
    volumes: async () => [],
  } as Partial<Engine> as Engine;

  readonly ground = {
    engine: this.engine,
    live,
    self: undefined,
    hostPath: '/srv/registry',
  } as Partial<Ground> as Ground;

  startLive(): void {
    this.running = [{ id: live.id, name: live.name, image: '', state: 'running', labels: {}, mounts: [] }];
  }

  event(action: string, containerId: string): void {
    for (const { onEvent } of this.listeners) onEvent({ action, containerId, containerName: '' });
  }
}

describe('a watch over the fence', () => {
  it('tells at once that the live registry was started', async () => {
    const events = new Events();
    const watch = createWatch(events.ground, []);
    await watch.begin();
    expect(watch.broken.aborted).toBe(false);
    events.event('start', live.id);
    expect(watch.broken.reason).toContain('registry');
  });

  it('is not excited by what else happens to it', async () => {
    const events = new Events();
    const watch = createWatch(events.ground, []);
    await watch.begin();
    for (const action of ['die', 'stop', 'rename', 'destroy']) events.event(action, live.id);
    expect(watch.broken.aborted).toBe(false);
  });

  it('sees a live registry that was started before it began to listen', async () => {
    const events = new Events();
    events.startLive();
    const watch = createWatch(events.ground, []);
    await watch.begin();
    expect(watch.broken.aborted).toBe(true);
  });

  it('that has lost the events is unsure until it hears them again and has looked', async () => {
    const events = new Events();
    const watch = createWatch(events.ground, []);
    await watch.begin();
    events.listeners[0]?.onEnded('cut');
    expect(watch.unsure).toBe(true);
    const { looks } = events;
    expect(await watch.look()).toBeUndefined();
    expect(events.looks).toBeGreaterThan(looks);
    expect(events.listeners).toHaveLength(2);
    expect(watch.unsure).toBe(false);
  });

  it('that has lost the events sees who came in between', async () => {
    const events = new Events();
    const watch = createWatch(events.ground, []);
    await watch.begin();
    events.startLive();
    events.listeners[0]?.onEnded('cut');
    expect(await watch.look()).toContain('registry');
  });

  it('that hears no events any more says so', { timeout: 30_000 }, async () => {
    const events = new Events();
    const watch = createWatch(events.ground, []);
    await watch.begin();
    events.refusing = true;
    events.listeners[0]?.onEnded('cut');
    expect(await watch.look()).toContain('cannot be heard any more: no engine');
    expect(watch.unsure).toBe(true);
  });

  it('that has ended is not excited any more', async () => {
    const events = new Events();
    const watch = createWatch(events.ground, []);
    await watch.begin();
    watch.end();
    events.listeners[0]?.onEnded('aborted');
    expect(watch.unsure).toBe(false);
  });
});
