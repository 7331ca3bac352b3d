import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../errors.ts';
import { type Call, type Caller, parsed, parsedList } from './caller.ts';
import { containerOf, summaryOf } from './container.ts';
import type { Container, Engine } from './engine.ts';
import { need } from './fields.ts';
import { volumesOf } from './volume.ts';

/** The part of the engine that is question and answer. */
export type Calls = Pick<
  Engine,
  | 'list'
  | 'inspect'
  | 'volumes'
  | 'create'
  | 'connect'
  | 'start'
  | 'stop'
  | 'restart'
  | 'kill'
  | 'remove'
  | 'setRestartPolicy'
  | 'inspectExec'
>;

/** Creating may unpack, starting may wait for disks and networks. */
const slowSeconds = 120;
/** Beyond the time that the engine itself waits for a container to stop. */
const stopSlackSeconds = 30;
const engineStopSeconds = 10;
/** For a container that is to be given all the time it wants. */
const longestStopSeconds = 3600;

/** Names and ids as the engine allows them. Anything else could lead to another path of the API. */
const nameForm = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** `/containers/{id}` for what the engine could know under this name; else undefined. */
export function containerPath(container: string): string | undefined {
  const name = container.replace(/^\//, '');
  return nameForm.test(name) ? `/containers/${name}` : undefined;
}

export function createCalls(caller: Caller): Calls {
  async function inspect(container: string): Promise<Container | undefined> {
    const path = containerPath(container);
    if (path === undefined) return undefined;
    const answer = await caller.ask({ method: 'GET', path: `${path}/json`, fine: [404] });
    return answer.status === 404 ? undefined : parsed(answer, containerOf);
  }

  async function post(container: string, deed: string, call: Partial<Call> = {}): Promise<number> {
    const path = `${pathOf(container)}/${deed}`;
    return (await caller.ask({ method: 'POST', path, ...call })).status;
  }

  /** How long stopping may take: what it was asked to wait, or what the container says. */
  async function stopSeconds(container: string, asked: number | undefined): Promise<number> {
    const seconds = asked ?? (await inspect(container))?.stopTimeout ?? engineStopSeconds;
    return seconds < 0 ? longestStopSeconds : seconds + stopSlackSeconds;
  }

  async function remove(container: string): Promise<void> {
    const query = { force: '1', v: '0' };
    const path = pathOf(container);
    const removed = await caller.ask({
      method: 'DELETE',
      path,
      query,
      fine: [404, 409],
      seconds: slowSeconds,
    });
    if (removed.status !== 409) return;
    // Its removal is under way already, as that of a container with --rm is when it stops.
    for (let looks = 0; looks < 100; looks += 1) {
      if ((await inspect(container)) === undefined) return;
      await sleep(100);
    }
    await caller.ask({ method: 'DELETE', path, query, fine: [404], seconds: slowSeconds });
  }

  return {
    inspect,
    remove,
    async list(labels = []) {
      const query = { all: '1', filters: JSON.stringify({ label: labels }) };
      return parsedList(await caller.ask({ method: 'GET', path: '/containers/json', query }), summaryOf);
    },
    async volumes() {
      // Other drivers' volumes are none of the host's directories, and a plugin may take its time to answer.
      const query = { filters: JSON.stringify({ driver: ['local'] }) };
      return parsed(await caller.ask({ method: 'GET', path: '/volumes', query }), volumesOf);
    },
    async create({ name, config, hostConfig, endpoint }) {
      const networks =
        endpoint === undefined
          ? {}
          : { NetworkingConfig: { EndpointsConfig: { [endpoint.network]: endpoint.config } } };
      const answer = await caller.ask({
        method: 'POST',
        path: '/containers/create',
        query: { name },
        body: { ...config, HostConfig: hostConfig, ...networks },
        seconds: slowSeconds,
      });
      return parsed(answer, (fields) => need(fields, 'Id', 'text'));
    },
    async connect(network, container, config) {
      if (!nameForm.test(network))
        fail('USAGE', { message: `"${network}" cannot be the name of a network.` });
      await caller.ask({
        method: 'POST',
        path: `/networks/${network}/connect`,
        body: { Container: container, EndpointConfig: config },
      });
    },
    async start(container) {
      await post(container, 'start', { fine: [304], seconds: slowSeconds });
    },
    async stop(container, seconds) {
      const query: Call['query'] = seconds === undefined ? {} : { t: String(seconds) };
      await post(container, 'stop', { query, fine: [304], seconds: await stopSeconds(container, seconds) });
    },
    async restart(container) {
      await post(container, 'restart', { seconds: (await stopSeconds(container, undefined)) + slowSeconds });
    },
    async kill(container) {
      const query = { signal: 'SIGKILL' };
      if ((await post(container, 'kill', { query, fine: [404, 409] })) !== 409) return;
      // "Is not running" is fine; any other conflict is not, and only the words differ.
      if ((await inspect(container))?.state.running === true)
        await post(container, 'kill', { query, fine: [404] });
    },
    async setRestartPolicy(container, { name, maximumRetryCount }) {
      // An empty name would mean "leave it as it is" here. A count belongs to on-failure alone; else it is refused.
      const count = name === 'on-failure' ? maximumRetryCount : 0;
      await post(container, 'update', {
        body: { RestartPolicy: { Name: name === '' ? 'no' : name, MaximumRetryCount: count } },
      });
    },
    async inspectExec(exec) {
      const answer = await caller.ask({ method: 'GET', path: `/exec/${encodeURIComponent(exec)}/json` });
      return parsed(answer, (fields) => {
        const running = need(fields, 'Running', 'yesOrNo');
        return {
          running,
          exitCode: typeof fields.ExitCode === 'number' && !running ? fields.ExitCode : undefined,
        };
      });
    },
  };
}

/** Errors: USAGE for what cannot be a name. */
export function pathOf(container: string): string {
  return (
    containerPath(container) ??
    fail('USAGE', { message: `${JSON.stringify(container)} cannot be the name of a container.` })
  );
}
