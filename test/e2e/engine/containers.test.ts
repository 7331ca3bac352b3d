import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Mount } from '../../../src/engine/engine.ts';
import { CleanupError } from '../../../src/errors.ts';
import { type Boxes, docker, openBoxes } from './boxes.ts';

let boxes: Boxes;
beforeAll(() => {
  boxes = openBoxes();
});
afterAll(() => boxes[Symbol.asyncDispose]());

/** Wide: the machine may be busy. */
const patience = { timeout: 20_000 };
/** Runs until it is told to stop, and then ends at once. */
const patient = 'trap "exit 7" TERM; while :; do sleep 0.1; done';

async function stateOf(box: string) {
  return (await boxes.engine.inspect(box))?.state;
}

test('tells the version that is spoken', async () => {
  const { version, api } = await boxes.engine.version();
  expect(version).toMatch(/^\d+\.\d+/);
  expect(api).toMatch(/^1\.\d+$/);
});

test('a container is created, started, stopped, started again, restarted and removed', async () => {
  const { engine } = boxes;
  const box = await boxes.create(patient);
  expect(await stateOf(box)).toMatchObject({ status: 'created', running: false, pid: 0 });
  await engine.start(box);
  await engine.start(box);
  const first = await stateOf(box);
  expect(first).toMatchObject({ status: 'running', running: true });
  expect(first?.pid).toBeGreaterThan(0);
  await engine.stop(box, 5);
  expect(await stateOf(box)).toMatchObject({ status: 'exited', running: false, exitCode: 7, pid: 0 });
  await engine.stop(box);
  await engine.start(box);
  const second = await stateOf(box);
  expect(second?.startedAt).not.toBe(first?.startedAt);
  await engine.restart(box);
  const third = await stateOf(box);
  expect(third).toMatchObject({ running: true });
  expect(third?.startedAt).not.toBe(second?.startedAt);
  await engine.remove(box);
  expect(await engine.inspect(box)).toBeUndefined();
  await engine.remove(box);
  await engine.kill(box);
});

test('a container that does not heed the stop signal is killed after its own time, or the time given', async () => {
  const { engine } = boxes;
  const deaf = 'trap "" TERM; while :; do sleep 0.1; done';
  for (const seconds of [undefined, 1]) {
    const box = await boxes.run(deaf, { config: { StopTimeout: seconds === undefined ? 1 : 600 } });
    expect((await engine.inspect(box))?.stopTimeout).toBe(seconds === undefined ? 1 : 600);
    await engine.stop(box, seconds);
    expect(await stateOf(box)).toMatchObject({ running: false, exitCode: 137 });
  }
});

test('a container is killed, whether it runs, is paused or has ended', async () => {
  const { engine } = boxes;
  const box = await boxes.run(patient);
  await engine.kill(box);
  await expect.poll(() => stateOf(box), patience).toMatchObject({ running: false, exitCode: 137 });
  await engine.kill(box);
  await engine.start(box);
  docker('pause', box);
  expect(await stateOf(box)).toMatchObject({ paused: true });
  await engine.kill(box);
  await expect.poll(async () => (await stateOf(box))?.running, patience).toBe(false);
});

test('what is removed already, as with --rm, is no error', async () => {
  const { engine } = boxes;
  for (let round = 0; round < 5; round += 1) {
    const box = await boxes.run(patient, { hostConfig: { AutoRemove: true } });
    expect(await engine.inspect(box)).toMatchObject({ autoRemove: true });
    await Promise.all([engine.kill(box), engine.remove(box), engine.remove(box)]);
    expect(await engine.inspect(box)).toBeUndefined();
  }
});

test('removing leaves an anonymous volume', async () => {
  const { engine } = boxes;
  const box = await boxes.create('true', { config: { Volumes: { '/var/lib/registry': {} } } });
  const volume = (await engine.inspect(box))?.mounts.find(({ type }) => type === 'volume')?.name ?? '';
  expect(volume).toMatch(/^[0-9a-f]{64}$/);
  try {
    await engine.remove(box);
    expect(docker('volume', 'inspect', '--format', '{{.Name}}', volume)).toBe(volume);
  } finally {
    docker('volume', 'rm', volume);
  }
});

test('an inspection tells how to make another one like it', async () => {
  const { engine } = boxes;
  const network = boxes.network('--subnet', '10.213.7.0/24');
  const box = await boxes.run(patient, {
    config: {
      Env: ['A=1', 'EMPTY='],
      User: '65534:65534',
      WorkingDir: '/tmp',
      Hostname: 'somewhere',
      Labels: { 'engine-test.label': 'x' },
      ExposedPorts: { '7000/tcp': {} },
    },
    hostConfig: {
      Binds: ['/etc/hostname:/given/name:ro'],
      Tmpfs: { '/scratch': '' },
      Mounts: [{ Type: 'tmpfs', Target: '/other' }],
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
      PortBindings: { '7000/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
      NetworkMode: network,
    },
    endpoint: {
      network,
      config: { Aliases: ['registry', 'hub'], IPAMConfig: { IPv4Address: '10.213.7.77' } },
    },
  });
  const found = await engine.inspect(box);
  expect(found).toMatchObject({
    name: box,
    image: 'registry:2',
    command: ['/bin/sh', '-c', patient],
    user: '65534:65534',
    workingDirectory: '/tmp',
    hostname: 'somewhere',
    restartPolicy: { name: 'on-failure', maximumRetryCount: 3 },
    autoRemove: false,
    networkMode: network,
    portBindings: [{ port: '7000/tcp', hostIp: '127.0.0.1', hostPort: '' }],
    endpoints: [
      {
        network,
        ip: '10.213.7.77',
        gateway: '10.213.7.1',
        fixed: { ipv4: '10.213.7.77', ipv6: undefined },
        config: { IPAMConfig: { IPv4Address: '10.213.7.77' } },
      },
    ],
  });
  // Engines up to 24 count the host name among them.
  const aliases = found?.endpoints[0]?.aliases;
  expect(['registry,hub', 'registry,hub,somewhere']).toContain(aliases?.join());
  expect(found?.endpoints[0]?.config.Aliases).toEqual(aliases);
  expect(Object.keys(found?.endpoints[0]?.config ?? {}).sort()).toEqual(['Aliases', 'IPAMConfig']);
  expect(found?.imageId).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(found?.env).toMatchObject({ A: '1', EMPTY: '' });
  expect(found?.labels).toMatchObject({ 'engine-test.label': 'x' });
  expect(found?.published).toEqual([
    { port: '7000/tcp', hostIp: '127.0.0.1', hostPort: expect.stringMatching(/^\d+$/) },
  ]);
  const bind = { type: 'bind', source: '/etc/hostname', destination: '/given/name', writable: false };
  expect(found?.mounts).toContainEqual({ ...bind, name: undefined });

  // A listing tells the same mounts.
  const [row] = await engine.list(['engine-test.label=x']);
  expect(row).toMatchObject({ id: found?.id, name: box, image: 'registry:2', state: 'running' });
  expect(row?.labels).toEqual(found?.labels);
  const told = (mounts: readonly Mount[] = []) =>
    mounts.map(({ type, destination, writable }) => `${type} ${destination} ${writable}`).sort();
  expect(told(row?.mounts)).toEqual(told(found?.mounts));

  // Another one takes its place, just as it was.
  await engine.stop(box);
  const twin = await boxes.create(patient, {
    hostConfig: { NetworkMode: network },
    endpoint: found?.endpoints[0],
  });
  await engine.start(twin);
  expect((await engine.inspect(twin))?.endpoints[0]).toMatchObject({
    ip: '10.213.7.77',
    aliases,
  });
});

test('a network is connected with the aliases given', async () => {
  const { engine } = boxes;
  const network = boxes.network();
  const box = await boxes.run(patient);
  await engine.connect(network, box, { Aliases: ['registry'] });
  const endpoint = (await engine.inspect(box))?.endpoints.find((one) => one.network === network);
  expect(endpoint).toMatchObject({ aliases: ['registry'], config: { Aliases: ['registry'] } });
  expect(endpoint?.ip).not.toBe('');
  const again = engine.connect(network, box, {});
  await expect(again).rejects.toMatchObject({
    code: 'ENGINE_ANSWERED',
    hint: expect.not.stringContaining('proxy'),
  });
});

test('lists by all labels given, what is stopped as well', async () => {
  const { engine } = boxes;
  const label = boxes.name();
  const both = await boxes.create('true', { config: { Labels: { [label]: 'a', other: 'b' } } });
  const one = await boxes.create('true', { config: { Labels: { [label]: 'c' } } });
  const names = async (...labels: readonly string[]) =>
    (await engine.list(labels)).map(({ name }) => name).sort();
  expect(await names(label)).toEqual([both, one].sort());
  expect(await names(`${label}=a`)).toEqual([both]);
  expect(await names(label, 'other=b')).toEqual([both]);
  expect(await names(label, 'other=x')).toEqual([]);
  expect(await names()).toEqual(expect.arrayContaining([both, one]));
});

test('a restart policy is set and put back as it was', async () => {
  const { engine } = boxes;
  for (const policy of [
    { Name: 'always', MaximumRetryCount: 0 },
    { Name: 'unless-stopped', MaximumRetryCount: 0 },
    { Name: 'on-failure', MaximumRetryCount: 4 },
    { Name: 'no', MaximumRetryCount: 0 },
    {},
  ]) {
    const box = await boxes.create('true', { hostConfig: { RestartPolicy: policy } });
    const before = await engine.inspect(box);
    if (before === undefined) throw new Error('it was created just now');
    await engine.setRestartPolicy(box, { name: 'no', maximumRetryCount: 0 });
    expect((await engine.inspect(box))?.restartPolicy).toEqual({ name: 'no', maximumRetryCount: 0 });
    await engine.setRestartPolicy(box, { name: 'always', maximumRetryCount: 9 });
    await engine.setRestartPolicy(box, before.restartPolicy);
    const after = (await engine.inspect(box))?.restartPolicy;
    const told = ({ name = '', maximumRetryCount = 0 } = {}) => [
      name === '' ? 'no' : name,
      maximumRetryCount,
    ];
    expect(told(after)).toEqual(told(before.restartPolicy));
  }
});

test('what the engine refuses is told in its words', async () => {
  const { engine } = boxes;
  const told = async (promise: Promise<unknown>) => {
    const error: unknown = await promise.catch((thrown: unknown) => thrown);
    if (!(error instanceof CleanupError)) throw new Error('it was not refused');
    expect(error).toMatchObject({ code: 'ENGINE_ANSWERED', exitCode: 1 });
    return error.message;
  };
  expect(await told(engine.start('engine-test-none'))).toMatch(
    /^POST \/containers\/engine-test-none\/start was answered .* 404: No such/,
  );
  expect(await told(engine.stop('engine-test-none'))).toContain('404');
  expect(await told(engine.logs('engine-test-none', 1))).toContain('404');
  const name = boxes.name();
  const missing = { name, config: { Image: 'engine-test/none:1' }, hostConfig: {}, endpoint: undefined };
  expect(await told(engine.create(missing))).toMatch(/404: No such image: engine-test\/none:1/);
  const taken = await boxes.create('true');
  const again = { name: taken, config: { Image: 'registry:2' }, hostConfig: {}, endpoint: undefined };
  expect(await told(engine.create(again))).toMatch(/409: .*already in use/);
  expect(await told(engine.exec(taken, ['true'], () => {}))).toMatch(/409: .*not running/);
});
