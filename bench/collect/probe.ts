import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** Seconds from the last answer before to the first answer after. */
export interface Seen {
  /** Pushes were not taken: refused by a read-only registry, or nobody answered. */
  readonly closed: number;
  /** Nobody answered, summed up. */
  readonly unavailable: number;
}

/** Between two questions, ms: so seldom that asking takes little of what is measured. */
const every = 20;
/** For so long it may take until pushes are taken again, once it is to end, s. */
const patience = 10;

/**
 * Asks again and again whether a registry takes pushes, by pushing a manifest that is none: a registry that takes
 * pushes says 400, a read-only one 405. Nothing is changed by it.
 */
export function watchClosed(url: string): { stop(): Promise<Seen> } {
  let stopped: number | undefined;
  const watched = (async (): Promise<Seen> => {
    const answers: Answer[] = [];
    while (stopped === undefined || answers.at(-1)?.kind !== 'open') {
      if (stopped !== undefined && performance.now() / 1000 > stopped + patience)
        throw new Error(`${url} takes no pushes any more`);
      const answer = await ask(`${url}/v2/probe/manifests/none`);
      // Two of each stretch are enough: its first and its last.
      if (answers.at(-1)?.kind === answer.kind && answers.at(-2)?.kind === answer.kind) answers.pop();
      answers.push(answer);
      await sleep(every);
    }
    return summed(answers);
  })();
  // Told by `stop`, however early it fails.
  watched.catch(() => undefined);
  return {
    stop() {
      stopped = performance.now() / 1000;
      return watched;
    },
  };
}

export interface Answer {
  readonly kind: 'open' | 'read-only' | 'none';
  /** When it was asked for and when it came, s. */
  readonly asked: number;
  readonly came: number;
}

/** From the last time that somebody answered so, until somebody did again. */
export function summed(answers: readonly Answer[]): Seen {
  let closed = 0;
  let unavailable = 0;
  let open: Answer | undefined;
  let answered: Answer | undefined;
  let before: Answer | undefined;
  for (const answer of answers) {
    if (answer.kind === 'open') {
      if (open !== undefined && before?.kind !== 'open') closed += answer.came - open.came;
      open = answer;
    }
    if (answer.kind !== 'none') {
      if (answered !== undefined && before?.kind === 'none') unavailable += answer.came - answered.came;
      answered = answer;
    }
    before = answer;
  }
  return { closed, unavailable };
}

async function ask(url: string): Promise<Answer> {
  const asked = performance.now() / 1000;
  const status = await push(url);
  const came = performance.now() / 1000;
  if (status === undefined) return { kind: 'none', asked, came };
  if (status !== 400 && status !== 405) throw new Error(`${url} answered ${status}`);
  return { kind: status === 400 ? 'open' : 'read-only', asked, came };
}

/** The status; undefined when nobody answers. A connection of its own each time: one that is kept tells of the past. */
function push(url: string): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const asking = request(url, { method: 'PUT', agent: false }, (response) => {
    response.resume();
    response.once('end', () => resolve(response.statusCode));
    response.once('error', () => resolve(undefined));
  });
  asking.once('error', () => resolve(undefined));
  asking.end('{}');
  return promise;
}
