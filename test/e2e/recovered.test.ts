import { afterAll, expect, it } from 'vitest';
import { docker } from './support/docker.ts';
import { lineAt } from './support/halt.ts';
import { places, seed } from './support/kill-points.ts';
import { KillStage } from './support/kill-stage.ts';
import { socket } from './support/scene.ts';

/* A `recover` that dies itself leaves no more open than it found. */

const stages = places.map((place) => ({ place, stage: undefined as KillStage | undefined }));
afterAll(async () => {
  for (const { stage } of stages) await stage?.[Symbol.asyncDispose]();
});

/** What is undone, newest first, by the lines that tell of it, and what comes before and after. */
const moments = [
  { when: 'has the lock', line: lineAt('end', 'lock') },
  { when: 'looks after the collector', line: '^\\[restore\\] \\| Making sure that the collector has ended' },
  { when: 'starts the live registry', line: '^\\[restore\\] \\| Starting the live registry again' },
  { when: 'removes the stand-in', line: '^\\[restore\\] \\| Removing the read-only stand-in' },
  { when: 'has restored everything', line: lineAt('end', 'restore') },
];
const long = process.env.LONG === '1';
/** In the long run all of them, at both places; otherwise the seed says which. */
const here = long ? moments : moments.slice(seed % moments.length).slice(0, 1);
const there = long ? stages : stages.slice(seed % stages.length).slice(0, 1);

it.each(here)(
  `that is killed when it $when, as the run was before, is finished by the next one (seed ${seed})`,
  async ({ line }) => {
    for (const at of there) {
      const stage = at.stage ?? (await KillStage.open(at.place, socket, newTally()));
      at.stage = stage;
      await stage.fill();
      for (const [moment, command] of [
        [lineAt('end', 'verify'), ['run', '--json']],
        [line, ['recover', '--json']],
      ] as const) {
        const halted = await stage.halt(moment, command);
        await docker('kill', halted.container);
        expect((await halted.ended).exitCode).toBe(137);
      }
      const recovered = await stage.recover();
      expect(recovered.exitCode, `${recovered.stdout}\n${recovered.stderr}`).toBe(0);
      await stage.expectRestored();
      // Once more, now that all is well: nothing happens.
      expect(await stage.recover()).toMatchObject({ exitCode: 0 });
      await stage.expectConverged();
    }
  },
  long ? 600_000 : 120_000,
);

function newTally() {
  return { kills: 0, tagsChecked: 0, tagsLost: 0, notRestored: 0 };
}
