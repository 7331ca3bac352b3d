import { describe, expect, it } from 'vitest';
import { canOverlap, standInOf } from '../../../../src/runtime/docker/clone.ts';
import { container } from './containers.ts';

const live = container('bridge', {
  id: 'a'.repeat(64),
  name: 'registry',
  imageId: 'sha256:1234',
  hostname: 'a'.repeat(12),
  env: {
    PATH: '/bin',
    REGISTRY_HTTP_SECRET: 's3cret',
    REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'redis',
    REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'false',
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data',
  },
  labels: {
    'com.docker.compose.project': 'app',
    'registry-cleanup.role': 'live',
    'traefik.enable': 'true',
  },
  networkMode: 'front',
  portBindings: [],
  published: [],
  endpoints: [endpoint('back', ['registry', 'a'.repeat(12)]), endpoint('front', ['registry.example.com'])],
  raw: {
    config: { Cmd: ['/etc/config.yml'], User: '1000:1000', Volumes: { '/var/lib/registry': {} } },
    hostConfig: {
      Binds: ['data:/var/lib/registry'],
      Mounts: [
        { Type: 'bind', Source: '/etc/registry', Target: '/etc/docker/registry' },
        { Type: 'tmpfs', Target: '/tmp' },
      ],
      LogConfig: { Type: 'local', Config: {} },
      RestartPolicy: { Name: 'always', MaximumRetryCount: 0 },
      NetworkMode: 'front',
      PortBindings: {},
    },
  },
});

function endpoint(network: string, aliases: readonly string[], fixed?: { ipv4: string; ipv6: undefined }) {
  const config = { Aliases: aliases, IPAMConfig: null };
  return { network, aliases, ip: '10.0.0.2', ipv6: '', gateway: '10.0.0.1', fixed, config };
}

const names = { name: 'registry-cleanup-1', runId: '1', hidden: false, drains: false };

describe('a stand-in', () => {
  const { container: made, networks } = standInOf(live, names);

  it('is the live registry once more: its image, command, user, volumes and log', () => {
    expect(made).toMatchObject({
      name: 'registry-cleanup-1',
      config: { Image: 'sha256:1234', Cmd: ['/etc/config.yml'], User: '1000:1000', Volumes: null },
      hostConfig: { VolumesFrom: [live.id], Binds: null, LogConfig: { Type: 'local' } },
    });
  });

  it('takes mounts in memory along, which are no volumes', () => {
    expect(made.hostConfig.Mounts).toEqual([{ Type: 'tmpfs', Target: '/tmp' }]);
  });

  it('is read-only and caches nothing, whatever the live registry’s environment says', () => {
    expect(made.config.Env).toEqual([
      'PATH=/bin',
      'REGISTRY_HTTP_SECRET=s3cret',
      'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/data',
      'REGISTRY_STORAGE_MAINTENANCE={"readonly":{"enabled":true},"uploadpurging":{"enabled":false}}',
      'REGISTRY_STORAGE_CACHE={}',
    ]);
  });

  it('finishes pulls in flight when it is stopped beside a live registry that serves already', () => {
    const { container: made } = standInOf(live, { ...names, drains: true });
    expect(made.config.Env).toContain('REGISTRY_HTTP_DRAINTIMEOUT=10s');
  });

  it('does not come back by itself', () => {
    expect(made.hostConfig.RestartPolicy).toEqual({ Name: 'no', MaximumRetryCount: 0 });
    expect(made.hostConfig.AutoRemove).toBe(false);
  });

  it('is found by labels as the live registry is, and is no part of its Compose project', () => {
    expect(made.config.Labels).toEqual({
      'traefik.enable': 'true',
      'registry-cleanup.role': 'readonly',
      'registry-cleanup.run': '1',
    });
  });

  it('has the live registry’s names in all of its networks, and its container’s name', () => {
    expect(made.endpoint).toMatchObject({
      network: 'front',
      config: { Aliases: ['registry.example.com', 'registry'] },
    });
    expect(networks).toMatchObject([{ network: 'back', config: { Aliases: ['registry'] } }]);
  });

  it('has no host name of its own where the live registry has none but its id', () => {
    expect(made.config.Hostname).toBe('');
    expect(standInOf({ ...live, hostname: 'reg1' }, names).container.config.Hostname).toBe('reg1');
  });

  it('that is hidden is in no network and has no port', () => {
    const hidden = standInOf({ ...live, networkMode: 'front' }, { ...names, hidden: true });
    expect(hidden.networks).toEqual([]);
    expect(hidden.container).toMatchObject({
      endpoint: undefined,
      hostConfig: { NetworkMode: 'none', PortBindings: {}, PublishAllPorts: false },
    });
  });

  it.each(['default', 'bridge', 'host', `container:${'b'.repeat(64)}`])(
    'of a registry in the network "%s" asks for no place in one',
    (networkMode) => {
      const { container: made, networks } = standInOf({ ...live, networkMode }, names);
      expect([made.endpoint, networks]).toEqual([undefined, []]);
    },
  );
});

describe('live and stand-in', () => {
  it('serve side by side under the names of a network', () => {
    expect(canOverlap(live)).toBe(true);
  });

  it.each([
    ['a published port', { portBindings: [{ port: '5000/tcp', hostIp: '', hostPort: '5000' }] }],
    ['a port that the engine chose', { published: [{ port: '5000/tcp', hostIp: '', hostPort: '32768' }] }],
    ['a fixed address', { endpoints: [endpoint('front', [], { ipv4: '10.0.0.9', ipv6: undefined })] }],
    ['the network of the host', { networkMode: 'host', endpoints: [] }],
    ['the default bridge, which knows no names', { networkMode: 'default' }],
    ['the network of another container', { networkMode: 'container:b' }],
    ['no network at all', { endpoints: [] }],
  ])('do not where there is %s', (_, difference) => {
    expect(canOverlap({ ...live, ...difference })).toBe(false);
  });
});
