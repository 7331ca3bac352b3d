import { reasonOf } from '../../errors.ts';
import { pause } from '../../pause.ts';
import type { Ground } from './ground.ts';
import { storageBreach } from './writers.ts';

/** Looks out for whoever starts a container that writes to the storage, the live registry's before all. */
export interface Watch {
  /** Begins with the engine's events, and then looks itself. Throws what the engine refuses. */
  begin(): Promise<void>;
  end(): void;
  /** Aborted with what is wrong, the moment that it is known. */
  readonly broken: AbortSignal;
  /** What is wrong, after a look of its own. When the engine's events had ended, only after they are heard again. */
  look(): Promise<string | undefined>;
  /** Events were lost, and nobody has looked since. */
  readonly unsure: boolean;
}

/** How often, and for how long apart, lost events are asked for again: an engine that restarts is back by then. */
const attempts = 20;
const apartMs = 500;

const coming = new Set(['start', 'restart', 'unpause']);

/** `ours`: containers that may run, by name. */
export function createWatch(ground: Ground, ours: readonly string[]): Watch {
  const { engine, live } = ground;
  const broken = new AbortController();
  let listening: AbortController | undefined;
  let lost: string | undefined;
  let asking: Promise<void> | undefined;

  async function listen(): Promise<void> {
    const mine = new AbortController();
    listening = mine;
    lost = undefined;
    await engine.events({
      signal: mine.signal,
      onEvent: ({ action, containerId }) => {
        if (!coming.has(action)) return;
        if (containerId === live.id)
          broken.abort(`the live registry (container ${live.name}) was started by somebody else`);
        else void look().then(tell, () => {});
      },
      onEnded: (reason) => {
        if (mine.signal.aborted) return;
        lost = reason;
        asking = again();
        asking.catch(() => {});
      },
    });
  }

  async function again(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await listen();
        return;
      } catch (error) {
        if (attempt === attempts) throw error;
        await pause(apartMs);
      }
    }
  }

  async function look(): Promise<string | undefined> {
    return storageBreach(ground, ours);
  }

  function tell(wrong: string | undefined): void {
    if (wrong !== undefined && listening?.signal.aborted === false) broken.abort(wrong);
  }

  return {
    broken: broken.signal,
    get unsure() {
      return lost !== undefined || asking !== undefined;
    },
    async begin() {
      if (listening !== undefined) return;
      await listen();
      tell(await look());
    },
    end: () => listening?.abort(),
    async look() {
      const pending = asking;
      try {
        await pending;
      } catch (error) {
        return `the events of the engine cannot be heard any more: ${reasonOf(error)}`;
      }
      const wrong = await look();
      if (asking === pending) asking = undefined;
      return wrong;
    },
  };
}
