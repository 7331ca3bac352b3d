import { parentPort, workerData } from 'node:worker_threads';
import { asker } from '../permit.ts';
import { removing } from '../removal.ts';
import type { Removed } from '../storage.ts';
import { removableBelow } from './removable.ts';
import { type Done, outcomes, type Task, type ThreadData, trying } from './removal-task.ts';
import { Root } from './root.ts';

/*
 * A thread that removes what it is told to, one task after another, and asks for leave before every single removal. It
 * ends when its port is closed.
 */
const { root: path, permit }: ThreadData = workerData;
const root = new Root(path);
const mayRemove = asker(permit);

parentPort?.on('message', (task: Task) => parentPort?.postMessage(carryOut(task)));

function carryOut({ id, keys, answers, from }: Task): Done {
  const reasons: [number, string][] = [];
  const besides: Removed[] = [];
  const occupied: string[] = [];
  const places = new Map(keys.map((key, place) => [key, place]));
  const told = new Uint8Array(answers, from, keys.length);
  const tree = removableBelow(root);
  const tries = (removal: (key: string) => void) => (key: string) => {
    const place = places.get(key);
    if (place !== undefined) told[place] = trying;
    removal(key);
  };
  const work = removing({ ...tree, unlink: tries(tree.unlink), rmdir: tries(tree.rmdir) }, keys, {
    answer(one) {
      const place = places.get(one.key);
      if (place === undefined) {
        besides.push(one);
        return;
      }
      if (one.reason !== undefined) reasons.push([place, one.reason]);
      told[place] = 1 + outcomes.indexOf(one.outcome);
    },
    occupied: (directory) => occupied.push(directory),
  });
  for (let step = work.next(); step.done !== true; step = work.next())
    if (step.value === 'remove' && !mayRemove()) break;
  return { id, reasons, besides, occupied };
}
