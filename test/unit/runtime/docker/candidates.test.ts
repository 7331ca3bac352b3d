import { describe, expect, it } from 'vitest';
import { candidates, type Standpoint } from '../../../../src/runtime/docker/candidates.ts';
import { container } from './containers.ts';

const published = container('published');
const bridge = container('bridge');
const six = container('six');
const host = container('host');

function places(target: Parameters<typeof candidates>[0], from: Standpoint, port = 5000): readonly string[] {
  return candidates(target, port, from).map(({ host, port }) => `${host} ${port}`);
}
const within = (name: string): Standpoint => ({ kind: 'container', site: container(name) });

describe('on the host', () => {
  const from: Standpoint = { kind: 'host' };

  it('are the addresses in every network, and then what is published', () => {
    expect(places(published, from)).toEqual([
      '192.168.112.2 5000',
      '192.168.144.2 5000',
      '127.0.0.1 15002',
      '127.0.0.1 15001',
    ]);
    expect(places(bridge, from)).toEqual(['172.17.0.3 5000', '127.0.0.1 32768']);
    expect(places(six, from)).toEqual(['192.168.128.2 5000', 'fd42:3::2 5000']);
  });

  it('are those of the host for a container that has its network', () => {
    expect(places(host, from)).toEqual(['127.0.0.1 5000']);
  });

  it('are where a port was published to one address', () => {
    const bound = [{ port: '5000/tcp', hostIp: '198.51.100.7', hostPort: '80' }];
    expect(places(container('bridge', { published: bound }), from)).toEqual([
      '172.17.0.3 5000',
      '198.51.100.7 80',
    ]);
  });

  it('leave out other ports, and those that are published for nothing', () => {
    expect(places(published, from, 5001)).toEqual(['192.168.112.2 5001', '192.168.144.2 5001']);
    const nothing = [
      { port: '5000/udp', hostIp: '', hostPort: '1' },
      { port: '5000/tcp', hostIp: '', hostPort: '' },
    ];
    expect(places(container('bridge', { published: nothing }), from)).toEqual(['172.17.0.3 5000']);
  });

  it('are none for a container that does not run, or has no network', () => {
    expect(places(container('stopped'), from)).toEqual([]);
    expect(places(container('none'), from)).toEqual([]);
  });
});

describe('in a container', () => {
  it('are the addresses in the networks that are shared, before published ports by way of the host', () => {
    const site = container('stopped', { endpoints: published.endpoints.slice(0, 1) });
    expect(places(published, { kind: 'container', site })).toEqual([
      '192.168.112.2 5000',
      '192.168.112.1 15002',
    ]);
  });

  it('are published ports alone where no network is shared', () => {
    // What is published to 127.0.0.1 is the host's own.
    expect(places(published, within('bridge'))).toEqual(['172.17.0.1 15002']);
    expect(places(six, within('bridge'))).toEqual([]);
  });

  it('are the host, by its address in our networks, for a container that has its network', () => {
    expect(places(host, within('bridge'))).toEqual(['172.17.0.1 5000']);
    expect(places(host, within('published'))).toEqual(['192.168.112.1 5000', '192.168.144.1 5000']);
  });

  it('are those of the host where we have its network', () => {
    expect(places(bridge, within('host'))).toEqual(['172.17.0.3 5000', '127.0.0.1 32768']);
    expect(places(host, within('host'))).toEqual(['127.0.0.1 5000']);
  });

  it('are our own where both have one network', () => {
    expect(places(published, within('published'))[0]).toBe('127.0.0.1 5000');
  });

  it('are none without a network', () => {
    expect(places(published, within('none'))).toEqual([]);
    expect(places(host, within('none'))).toEqual([]);
  });
});

describe('on another machine', () => {
  it('are what is published to the world, at the machine of the engine', () => {
    const from: Standpoint = { kind: 'remote', host: 'engine.example.com' };
    expect(places(published, from)).toEqual(['engine.example.com 15002']);
    expect(places(host, from)).toEqual(['engine.example.com 5000']);
    expect(places(six, from)).toEqual([]);
  });
});
