import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspected, leftBehind, standing } from './support/docker.ts';
import { expectWhole, fill } from './support/images.ts';
import { Project } from './support/project.ts';
import { callOf, record } from './support/recorder.ts';
import { Scene } from './support/scene.ts';

/*
 * What a run asks of the engine. A call that is not in these lists fails the test: whoever adds one tells it in
 * compose/socket-proxy.conf, and in here.
 */
const always = [
  'GET /containers/NAME/archive',
  'GET /containers/NAME/json',
  'GET /containers/json',
  'GET /events',
  'GET /exec/ID/json',
  'GET /version',
  'GET /volumes',
  'POST /containers/NAME/exec',
  'POST /containers/NAME/start',
  'POST /containers/NAME/stop',
  'POST /containers/NAME/update',
  'POST /exec/ID/start',
];
const withoutDeclared = ['DELETE /containers/NAME', 'POST /containers/create', 'POST /networks/NAME/connect'];

it('calls that make a stand-in are the only ones that a declared one saves', async () => {
  await using scene = await Scene.open();
  await scene.addNetwork(`${scene.id}-second`);
  const registry = await scene.registry({ flags: ['--restart', 'always'] });
  const { docker } = await import('./support/docker.ts');
  await docker('network', 'connect', `${scene.id}-second`, registry.name);
  await fill(registry.url);
  await using recorder = await record(scene.directory);
  const { report } = await scene.clean(registry, [], { socket: recorder.path });
  expect(report).toMatchObject({ outcome: 'ok', exitCode: 0, error: null });
  expect(recorder.calls()).toEqual([...always, ...withoutDeclared].sort());
});

describe('behind the socket proxy', () => {
  let project: Project;
  beforeEach(async () => {
    project = await Project.open(['docker-compose.yml', 'compose/socket-proxy.yml']);
  });
  afterEach(() => project[Symbol.asyncDispose]());

  it('a run with the declared stand-in asks for nothing that is not let through', async () => {
    await project.up('registry', 'socket-proxy');
    await project.must('up', '--no-start', 'registry-readonly');
    const held = await fill(project.url);
    const id = await project.container('registry');
    const before = await standing(id);
    const root =
      (await inspected(id))?.Mounts.find(({ Destination }) => Destination === '/var/lib/registry')?.Source ??
      '';
    const { stdout, stderr } = await project.compose('run', '--rm', '-T', 'cleanup', 'run', '--json');
    expect(JSON.parse(stdout || `"${stderr}"`)).toMatchObject({ exitCode: 0, removed: { manifests: 4 } });
    expect(await standing(id)).toEqual(before);
    expect(await leftBehind({ root })).toEqual([]);
    const declared = await inspected(await project.container('registry-readonly'));
    expect(declared?.State.Running).toBe(false);
    await expectWhole(project.url, held);

    const asked = [...(await project.must('logs', '--no-color', 'socket-proxy')).matchAll(line)];
    expect(asked.filter(([, , , status]) => Number(status) >= 400 && status !== '404')).toEqual([]);
    expect([...new Set(asked.map(([, method = '', url = '']) => callOf(method, url)))].sort()).toEqual(
      always,
    );
  });

  it('a call that is not on the list is answered with 403, and the run says which', async () => {
    // Without the declared stand-in one would have to be created.
    await project.up('registry', 'socket-proxy');
    await fill(project.url);
    const id = await project.container('registry');
    const before = await standing(id);
    const { stdout } = await project.compose('run', '--rm', '-T', 'cleanup', 'run', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      exitCode: 1,
      error: { code: 'ENGINE_ANSWERED', message: expect.stringContaining('/containers/create') },
    });
    expect(await standing(id)).toEqual(before);
  });
});

/** A line of nginx's access log. */
const line = /"(GET|HEAD|POST|PUT|DELETE) (\S+) HTTP\/1\.\d" (\d+)/g;
