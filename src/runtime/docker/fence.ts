import type { Fence } from '../runtime.ts';
import { createTimeline } from '../timeline.ts';
import { canOverlap } from './clone.ts';
import type { Ground } from './ground.ts';
import type { CreateMemo, StandInMemo, StopMemo } from './memos.ts';
import { type Patiently, undonePatiently } from './patience.ts';
import { byHand, composePlaceOf } from './restore.ts';
import { vantageOf } from './serves.ts';
import { createDeed, reachStandIn, serveDeed, troubleWith } from './stand-in.ts';
import { stopDeed } from './stop.ts';
import { createWatch } from './watch.ts';

/** The container that serves read-only, and in which the collector runs. */
export function placeOf(ground: Ground, options: { readonly standIn: boolean; readonly runId: string }) {
  const { declared } = ground;
  const ours = declared === undefined || !options.standIn;
  return {
    name: ours ? `registry-cleanup-${options.runId}` : declared.name,
    declared: ours ? undefined : declared.state.running ? ('running' as const) : ('stopped' as const),
  };
}

/**
 * The fence around one storage. In networks with names, and nothing that only one container can have, the stand-in
 * takes the names before the live registry stops and keeps them until that serves again, so that pulls see no gap.
 * With published ports or fixed addresses one must let go before the other can take them. `standInEnds` is told when the
 * stand-in is killed with the collector that runs in it.
 */
export function createFence(
  ground: Ground,
  options: { readonly standIn: boolean; readonly runId: string; readonly patiently: Patiently },
): Fence & { standInEnds(): void } {
  const { engine, live } = ground;
  const { runId, patiently } = options;
  const place = placeOf(ground, options);
  const from = vantageOf(ground);
  const timeline = createTimeline();
  const watch = createWatch(ground, [place.name]);
  const running = live.state.running;
  const overlaps = options.standIn && running && canOverlap(ground.declared ?? live) && canOverlap(live);
  const stopMemo: StopMemo = {
    kind: 'docker-stop',
    runId,
    live: { id: live.id, name: live.name },
    startedAt: live.state.startedAt,
    restartPolicy: live.restartPolicy,
    port: from.port,
    tls: from.tls,
    prefix: from.prefix,
    host: from.host,
    startTimeoutMs: ground.options.startTimeoutMs,
    compose: composePlaceOf(live),
  };
  const memo: StandInMemo = {
    kind: 'docker-readonly',
    runId,
    beside: overlaps,
    ...place,
  };
  const drains = overlaps && ground.configuration.http.drainMs === 0;
  const hidden = !options.standIn;
  const createMemo: CreateMemo = { kind: 'docker-create', runId, name: place.name };
  const create = undonePatiently(createDeed(ground, createMemo, { hidden, drains }), patiently);
  const serve = undonePatiently(serveDeed(ground, memo, timeline, from), patiently);
  const stop = stopDeed(ground, stopMemo, { timeline, watch, from, overlaps });
  return {
    prepare:
      place.declared !== undefined
        ? undefined
        : {
            ...create,
            async do(signal) {
              await create.do(signal);
              if (!hidden) return;
              await engine.start(place.name);
              if (!running) await watch.begin();
            },
          },
    stop: undonePatiently(stop, patiently),
    readonly: hidden
      ? undefined
      : {
          ...serve,
          async do(signal) {
            await serve.do(signal);
            if (!running) await watch.begin();
          },
          async undo() {
            watch.end();
            await serve.undo();
          },
        },
    overlaps,
    direct: true,
    reachStandIn: () => reachStandIn(ground, place.name, from),
    broken: watch.broken,
    get unsure() {
      return watch.unsure;
    },
    // The engine tells of a container that is started, whenever that is.
    settle: async () => {},
    async breach() {
      return (await watch.look()) ?? (await troubleWith(engine, place.name));
    },
    byHand: byHand(stopMemo),
    window: () => timeline.window(),
    standInEnds: () => timeline.standInEnds(),
  };
}
