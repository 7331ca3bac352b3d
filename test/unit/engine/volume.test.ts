import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { volumesOf } from '../../../src/engine/volume.ts';
import { type FakeEngines, fakeEngines, refusal } from './fake-engines.ts';

const local = { Name: 'data', Driver: 'local', Mountpoint: '/var/lib/docker/volumes/data/_data' };

/** What a volume with these `driver_opts` is. */
function deviceOf(Options: unknown, Driver = 'local'): string | undefined {
  return volumesOf({ Volumes: [{ ...local, Driver, Options }] })[0]?.device;
}

describe('a volume', () => {
  test('is a directory of its own, as a rule', () => {
    const plain = { name: 'data', mountpoint: local.Mountpoint, device: undefined };
    expect(volumesOf({ Volumes: [{ ...local, Options: null }, local], Warnings: null })).toEqual([
      plain,
      plain,
    ]);
    expect(volumesOf({ Volumes: null })).toEqual([]);
  });

  test.each(['bind', 'rbind', 'rw,bind', 'bind,ro', 'rbind, rslave'])('may be another one: %s', (o) => {
    expect(deviceOf({ type: 'none', o, device: '/srv/registry' })).toBe('/srv/registry');
    expect(deviceOf({ o, device: '/srv/registry' })).toBe('/srv/registry');
    expect(deviceOf({ o, device: 'srv/registry' })).toBeUndefined();
    expect(deviceOf({ o })).toBeUndefined();
    expect(deviceOf({ type: 'none', o, device: '/srv/registry' }, 'plugin')).toBeUndefined();
  });

  test.each([
    [{ type: 'tmpfs', device: 'tmpfs', o: 'size=100m' }],
    [{ type: 'ext4', device: '/dev/sdb1' }],
    [{ type: 'none', device: '/srv/registry', o: 'rw,unbindable' }],
  ])('of another file system has no other name: %j', (options) => {
    expect(deviceOf(options)).toBeUndefined();
  });

  test.each([
    [{ type: 'nfs', device: ':/export', o: 'addr=10.0.0.1,rw' }, 'nfs:10.0.0.1:/export'],
    [{ type: 'nfs4', device: ':/export', o: 'rw,addr=10.0.0.1' }, 'nfs:10.0.0.1:/export'],
    [{ type: 'nfs', device: 'nas:/export', o: 'addr=10.0.0.1' }, 'nfs:10.0.0.1:/export'],
    [{ type: 'nfs', device: 'nas:/export' }, 'nfs:nas:/export'],
    [{ type: 'nfs', device: ':/export', o: 'rw' }, undefined],
    [{ type: 'nfs', device: '/export', o: 'addr=10.0.0.1' }, undefined],
  ])('of NFS is named after its server: %j', (options, device) => {
    expect(deviceOf(options)).toBe(device);
  });
});

describe('the list of volumes', () => {
  let fake: FakeEngines;
  beforeEach(() => {
    fake = fakeEngines();
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  test.each(['{}', '{"Volumes":{}}', '{"Volumes":[null]}', '{"Volumes":[{"Driver":"local"}]}', '[]'])(
    'is not taken for empty where it is none: %s',
    async (body) => {
      const engine = await fake.answering((_request, response) => response.end(body));
      const error = await refusal(engine.volumes());
      expect(error).toMatchObject({ code: 'ENGINE_ANSWERED' });
      expect(error.message).toContain('GET /volumes was answered by the Docker Engine with 200');
    },
  );

  test('is no empty one where a proxy does not let it through', async () => {
    const engine = await fake.answering((_request, response) => response.writeHead(403).end());
    expect((await refusal(engine.volumes())).message).toContain('GET /volumes was answered');
  });
});
