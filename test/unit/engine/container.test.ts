import { describe, expect, test } from 'vitest';
import { containerOf, summaryOf } from '../../../src/engine/container.ts';

const id = 'f00dfeed0123'.padEnd(64, '0');

/** As little as an inspection may hold: what an engine leaves out or says as null. */
const bare = {
  Id: id,
  Name: '/registry',
  Image: 'sha256:1',
  Path: '/entrypoint.sh',
  Args: null,
  Config: { Env: null, Labels: null, Image: 'registry:2' },
  HostConfig: { PortBindings: null, RestartPolicy: { Name: '' } },
  State: { Status: 'exited', Running: false, ExitCode: 2 },
  NetworkSettings: { Networks: null, Ports: null },
  Mounts: null,
};

describe('an inspection', () => {
  test('may leave much out', () => {
    expect(containerOf(bare)).toMatchObject({
      id,
      name: 'registry',
      command: ['/entrypoint.sh'],
      env: {},
      labels: {},
      mounts: [],
      state: { status: 'exited', running: false, exitCode: 2, pid: 0 },
      restartPolicy: { name: '', maximumRetryCount: 0 },
      endpoints: [],
      portBindings: [],
      published: [],
      stopTimeout: undefined,
    });
  });

  test.each(['Id', 'Config', 'HostConfig', 'State'])('must have its %s', (key) => {
    expect(() => containerOf({ ...bare, [key]: undefined })).toThrow(`"${key}"`);
    expect(() => containerOf({ ...bare, [key]: [] })).toThrow(`"${key}"`);
  });

  test('tells variables as the process sees them', () => {
    const Config = { Env: ['A=1', 'A=2', 'B==', 'C', 'D=', '__proto__=x'] };
    const { env } = containerOf({ ...bare, Config });
    expect(Object.entries(env).sort()).toEqual([
      ['A', '1'],
      ['B', '='],
      ['C', ''],
      ['D', ''],
      ['__proto__', 'x'],
    ]);
  });

  test('tells the place in each network as the engine wants it back, without what the engine chose', () => {
    const Networks = {
      // API 1.41: the short id is among the aliases.
      old: {
        IPAMConfig: { IPv4Address: '10.0.0.9', LinkLocalIPs: null },
        Links: ['redis:cache'],
        Aliases: ['registry', id.slice(0, 12)],
        NetworkID: 'n',
        EndpointID: 'e',
        Gateway: '10.0.0.1',
        IPAddress: '10.0.0.9',
        IPPrefixLen: 24,
        GlobalIPv6Address: '',
        MacAddress: '02:42:ac:11:00:02',
        DriverOpts: null,
      },
      // API 1.44 and later.
      new: {
        IPAMConfig: null,
        Links: null,
        Aliases: null,
        DNSNames: ['registry', id.slice(0, 12)],
        MacAddress: '02:42:ac:11:00:03',
        DriverOpts: { 'com.docker.network.endpoint.ifname': 'eth7' },
        IPAddress: '',
        GlobalIPv6Address: 'fd00::2',
      },
    };
    expect(containerOf({ ...bare, NetworkSettings: { Networks } }).endpoints).toEqual([
      {
        network: 'old',
        aliases: ['registry'],
        ip: '10.0.0.9',
        ipv6: '',
        gateway: '10.0.0.1',
        fixed: { ipv4: '10.0.0.9', ipv6: undefined },
        config: {
          Aliases: ['registry'],
          Links: ['redis:cache'],
          IPAMConfig: { IPv4Address: '10.0.0.9', LinkLocalIPs: null },
        },
      },
      {
        network: 'new',
        aliases: [],
        ip: '',
        ipv6: 'fd00::2',
        gateway: '',
        fixed: undefined,
        config: { DriverOpts: { 'com.docker.network.endpoint.ifname': 'eth7' } },
      },
    ]);
  });

  test('tells the ports that were asked for and those that are bound', () => {
    const given = {
      ...bare,
      Config: { ExposedPorts: { '5000/tcp': {}, '5001/tcp': {} } },
      HostConfig: {
        PublishAllPorts: true,
        PortBindings: { '5000/tcp': [{ HostIp: '127.0.0.1', HostPort: '5000' }], '6000/tcp': null },
      },
      NetworkSettings: {
        Ports: { '5000/tcp': [{ HostIp: '127.0.0.1', HostPort: '5000' }], '5001/tcp': null },
      },
    };
    const bound = { port: '5000/tcp', hostIp: '127.0.0.1', hostPort: '5000' };
    expect(containerOf(given)).toMatchObject({
      portBindings: [bound, { port: '5001/tcp', hostIp: '', hostPort: '' }],
      published: [bound],
    });
    const named = { ...given, HostConfig: { ...given.HostConfig, PublishAllPorts: false } };
    expect(containerOf(named).portBindings).toEqual([bound]);
  });

  test('takes a mount for writable unless it is said to be not', () => {
    const Mounts = [
      { Type: 'volume', Name: 'data', Source: '/v', Destination: '/var/lib/registry', RW: true },
      { Type: 'bind', Source: '/etc/r.yml', Destination: '/r.yml', RW: false },
      { Type: 'tmpfs', Destination: '/tmp' },
    ];
    expect(containerOf({ ...bare, Mounts }).mounts).toEqual([
      { type: 'volume', name: 'data', source: '/v', destination: '/var/lib/registry', writable: true },
      { type: 'bind', name: undefined, source: '/etc/r.yml', destination: '/r.yml', writable: false },
      { type: 'tmpfs', name: undefined, source: '', destination: '/tmp', writable: true },
    ]);
  });
});

describe('a row of a listing', () => {
  test('goes by its own name, not by that of a link', () => {
    const row = { Id: id, State: 'running', Names: ['/web/registry', '/registry'], Labels: null };
    expect(summaryOf(row)).toMatchObject({ name: 'registry', labels: {}, mounts: [] });
    expect(summaryOf({ ...row, Names: null }).name).toBe('');
  });
});
