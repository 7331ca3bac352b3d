import { describe, expect, it } from 'vitest';
import { isAway } from '../../../../src/engine/away.ts';
import type { Container, ContainerSummary, Engine } from '../../../../src/engine/engine.ts';
import { problem } from '../../../../src/errors.ts';
import type { StopMemo } from '../../../../src/runtime/docker/memos.ts';
import { byHand, composePlaceOf, restoreLive } from '../../../../src/runtime/docker/restore.ts';
import { container } from './containers.ts';

/* The engine is faked: what Compose leaves for moments, and what was made anew elsewhere, real ones show too rarely. */

const labels = {
  'com.docker.compose.project': 'shop',
  'com.docker.compose.service': 'registry',
  'com.docker.compose.oneoff': 'False',
  'com.docker.compose.project.working_dir': '/srv/my shop',
  'com.docker.compose.project.config_files': 'docker-compose.yml,extra.yml',
};
const bridge = container('bridge');
const old = { ...bridge, id: 'a'.repeat(64), name: 'shop_registry_1', labels, restartPolicy: policy('no') };
const anew = { ...old, id: 'b'.repeat(64), restartPolicy: policy('unless-stopped') };

const memo: StopMemo = {
  kind: 'docker-stop',
  runId: '20261121T000000-01234567',
  live: { id: old.id, name: old.name },
  startedAt: old.state.startedAt,
  restartPolicy: policy('always'),
  port: 5000,
  tls: false,
  prefix: '',
  startTimeoutMs: 1,
  compose: composePlaceOf(old),
};

function policy(name: string) {
  return { name, maximumRetryCount: 0 };
}

/**
 * What was done to which of `present`, each by its name: a proxy lets through nothing else. Nothing answers there, so that
 * none is ever restored.
 */
async function deedsOver(present: readonly Container[], what: StopMemo = memo): Promise<readonly string[]> {
  const deeds: string[] = [];
  const started = new Set<string>();
  function find(wanted: string): Container | undefined {
    const one = present.find(({ id, name }) => id === wanted || name === wanted);
    return one && started.has(one.id) ? { ...one, state: { ...one.state, running: true } } : one;
  }
  function idOf(wanted: string): string {
    return present.find(({ name }) => name === wanted)?.id ?? `nobody is called ${wanted}`;
  }
  function did(deed: string, name: string): void {
    deeds.push(`${deed} ${idOf(name).slice(0, 1)}`);
  }
  const engine: Partial<Engine> = {
    inspect: async (wanted) => find(wanted),
    list: async (wanted = []) =>
      present
        .filter((one) => wanted.every((pair) => one.labels[pair.split('=')[0] ?? ''] === pair.split('=')[1]))
        .map(({ id, name, image, state, labels, mounts }): ContainerSummary => {
          return { id, name, image, state: state.status, labels, mounts };
        }),
    start: async (name) => {
      started.add(idOf(name));
      did('start', name);
    },
    restart: async (name) => did('restart', name),
    setRestartPolicy: async (name, policy) => did(policy.name, name),
    logs: async () => [],
    address: 'unix:///var/run/docker.sock',
  };
  const from = { engine: engine as Engine, self: undefined, port: 5000, tls: false, prefix: '' };
  await expect(restoreLive(engine as Engine, what, from)).rejects.toMatchObject({ code: 'NOT_RESTORED' });
  return deeds;
}

const exited = (one: Container): Container => ({
  ...one,
  endpoints: [],
  state: { ...one.state, running: false, status: 'exited' },
});

describe('the live registry', () => {
  it('that is as we left it gets its policy back and is started', async () => {
    expect(await deedsOver([exited(old)])).toEqual(['always a', 'start a']);
  });

  it('that was made anew is the one with the name, while the old one still waits to be removed under another', async () => {
    const renamed = exited({ ...old, name: `${old.id.slice(0, 12)}_shop_registry_1` });
    expect(await deedsOver([renamed, exited(anew)])).toEqual(['start b']);
  });

  it('that somebody called something else is known by its id', async () => {
    expect(await deedsOver([exited({ ...old, name: 'other' })])).toEqual(['always a', 'start a']);
  });

  it('that was made anew under another name is known by its place in the Compose project', async () => {
    expect(await deedsOver([exited({ ...anew, name: 'shop-registry-1' })])).toEqual(['start b']);
  });

  it('is not what `docker-compose run` makes, nor one of several', async () => {
    const oneOff = { ...labels, 'com.docker.compose.oneoff': 'True' };
    expect(await deedsOver([exited({ ...anew, name: 'run', labels: oneOff })])).toEqual([]);
    const other = { ...anew, id: 'c'.repeat(64), name: 'shop-registry-2' };
    expect(await deedsOver([exited({ ...anew, name: 'shop-registry-1' }), exited(other)])).toEqual([]);
  });

  it('that Compose did not make is not looked for by labels', async () => {
    const plain = { ...memo, compose: undefined };
    expect(await deedsOver([exited({ ...anew, name: 'shop-registry-1' })], plain)).toEqual([]);
  });
});

it('an engine that is away is the cause that is told, so that it is waited for', async () => {
  const away = problem('ENGINE_UNREACHABLE', { engine: 'unix:///x', reason: 'ECONNREFUSED', hint: '' });
  const engine = { inspect: () => Promise.reject(away) } as Partial<Engine> as Engine;
  const from = { engine, self: undefined, port: 5000, tls: false, prefix: '' };
  const error = await restoreLive(engine, memo, from).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'NOT_RESTORED', details: [expect.stringContaining('ECONNREFUSED')] });
  expect(isAway(error)).toBe(true);
});

describe('the command by hand', () => {
  it('has Compose make a registry anew that is gone', () => {
    expect(byHand(memo)).toBe(
      'docker ps -aq --filter label=registry-cleanup.run=20261121T000000-01234567 | xargs -r docker rm -f; ' +
        'docker update --restart=always shop_registry_1; ' +
        "docker start shop_registry_1 || (cd '/srv/my shop' && docker compose -p shop -f docker-compose.yml -f extra.yml up -d registry)",
    );
  });

  it('starts one that Compose did not make', () => {
    expect(byHand({ ...memo, compose: undefined })).toMatch(/; docker start shop_registry_1$/);
  });
});
