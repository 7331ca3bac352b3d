import type { Container, Engine, RestartPolicy } from '../../engine/engine.ts';
import { fail, reasonOf } from '../../errors.ts';
import { pause } from '../../pause.ts';
import { shellQuote } from '../shell-quote.ts';
import { isLasting } from './find.ts';
import { composeLabel } from './labels.ts';
import type { StopMemo } from './memos.ts';
import { serves, type Vantage } from './serves.ts';

const goingMs = 1_000;

/** Whether the engine would start it by itself. */
export function keepsRestarting({ name }: RestartPolicy): boolean {
  return name !== '' && name !== 'no';
}

/**
 * Makes the live registry run as it ran, with its own restart policy. One that somebody else started in the meantime is
 * started once more: it may remember blobs that have gone since. Idempotent. Throws NOT_RESTORED with the command to
 * run by hand; its cause tells an engine that is away.
 */
export async function restoreLive(engine: Engine, memo: StopMemo, from: Vantage): Promise<void> {
  let reasons: readonly string[] = [];
  let cause: unknown;
  try {
    const live = await findLive(engine, memo);
    const trouble = live === undefined ? gone(memo) : await start(engine, live, memo, from);
    if (trouble === undefined) return;
    reasons = trouble;
  } catch (thrown) {
    reasons = [reasonOf(thrown)];
    cause = thrown;
  }
  fail('NOT_RESTORED', { reasons, command: byHand(memo) }, cause);
}

/** For the memo. Undefined for a container that Compose did not make. */
export function composePlaceOf({ labels }: Pick<Container, 'labels'>): StopMemo['compose'] {
  const project = labels[composeLabel.project];
  const service = labels[composeLabel.service];
  if (project === undefined || service === undefined) return undefined;
  const files = (labels[composeLabel.files] ?? '').split(',').filter((file) => file !== '');
  return { project, service, directory: labels[composeLabel.directory] ?? '', files };
}

/** Undefined once it serves, else why it does not. By its name: a proxy lets through changes of named containers alone. */
async function start(
  engine: Engine,
  live: Container,
  memo: StopMemo,
  from: Vantage,
): Promise<readonly string[] | undefined> {
  // Only the one that we stopped had its policy taken: another one has that which it was made with.
  if (live.id === memo.live.id && !samePolicy(live.restartPolicy, memo.restartPolicy))
    await engine.setRestartPolicy(live.name, memo.restartPolicy);
  if (!live.state.running) await engine.start(live.name);
  else if (live.state.startedAt !== memo.startedAt) await engine.restart(live.name);
  return waitUntilServes(engine, live.name, from, memo.startTimeoutMs);
}

function gone({ live, compose }: StopMemo): readonly string[] {
  const again = compose === undefined ? ', with the flags that it had' : '';
  return [`the container ${live.name} was removed, and must be made again${again}`];
}

/**
 * By its id. One that was made anew has taken its place: under its name (`up --force-recreate`, which calls the old one
 * something else until it removes it), or as the same service of the same Compose project.
 */
async function findLive(engine: Engine, { live, compose }: StopMemo): Promise<Container | undefined> {
  const same = await engine.inspect(live.id);
  if (same?.name === live.name) return same;
  const instead = (await engine.inspect(live.name)) ?? same;
  if (instead !== undefined || compose === undefined) return instead;
  const labels = [`${composeLabel.project}=${compose.project}`, `${composeLabel.service}=${compose.service}`];
  const [found, ...more] = (await engine.list(labels)).filter(isLasting);
  return found !== undefined && more.length === 0 ? engine.inspect(found.id) : undefined;
}

function samePolicy(one: RestartPolicy, other: RestartPolicy): boolean {
  const plain = ({ name, maximumRetryCount }: RestartPolicy): string =>
    `${name || 'no'}:${maximumRetryCount}`;
  return plain(one) === plain(other);
}

async function waitUntilServes(
  engine: Engine,
  name: string,
  from: Vantage,
  forMs: number,
): Promise<readonly string[] | undefined> {
  const deadline = performance.now() + forMs;
  for (;;) {
    const container = await engine.inspect(name);
    if (container?.state.running === true && (await serves(from, container)) !== undefined) return undefined;
    const dead = container !== undefined && !container.state.running && !container.state.restarting;
    if (dead || performance.now() > deadline) {
      // An engine that goes down stops its containers first: then asking it throws, and nobody is to blame.
      if (dead) await pause(goingMs);
      const how = dead ? `exited with ${container.state.exitCode}` : `did not answer in ${forMs / 1000} s`;
      return [`the container was started, but ${how}`, ...(await engine.logs(name, 10))];
    }
    await pause(20);
  }
}

/** The command that brings the live registry back, for a person. Compose makes one anew that was removed. */
export function byHand({ live, restartPolicy, runId, compose }: StopMemo): string {
  const { name, maximumRetryCount } = restartPolicy;
  const policy = maximumRetryCount > 0 ? `${name}:${maximumRetryCount}` : name;
  const parts = [
    `docker ps -aq --filter label=registry-cleanup.run=${runId} | xargs -r docker rm -f`,
    ...(keepsRestarting(restartPolicy)
      ? [`docker update --restart=${policy} ${shellQuote([live.name])}`]
      : []),
    `docker start ${shellQuote([live.name])}${compose === undefined ? '' : ` || (${up(compose)})`}`,
  ];
  return parts.join('; ');
}

function up({ project, service, directory, files }: NonNullable<StopMemo['compose']>): string {
  const flags = ['-p', project, ...files.flatMap((file) => ['-f', file])];
  const command = shellQuote(['docker', 'compose', ...flags, 'up', '-d', service]);
  return directory === '' ? command : `cd ${shellQuote([directory])} && ${command}`;
}
