import { expect, it } from 'vitest';
import { hostOf, remoteHostOf } from '../../../../src/runtime/docker/host-names.ts';
import { urlOf } from '../../../../src/runtime/docker/serves.ts';
import { container } from './containers.ts';

it('calls a registry by what its network knows it by', () => {
  expect(hostOf(container('published'))).toBe('registry');
  expect(hostOf(container('bridge'))).toBe('shop-bridge');
  expect(hostOf(container('host'))).toBe('shop-host');
});

it('calls it by the name that users know, where there is one', () => {
  expect(hostOf(container('published'), 'https://images.example.com/prefix')).toBe('images.example.com');
  expect(hostOf(container('published'), 'https://[::1]:5000')).toBe('[::1]');
  expect(hostOf(container('published'), 'no address')).toBe('registry');
});

it('passes over names that no URL can hold, and the id that nobody gave it', () => {
  const { id, endpoints } = container('published');
  const [endpoint = endpoints[0]!] = endpoints;
  const called = (aliases: readonly string[], name: string) =>
    hostOf(container('published', { name, endpoints: [{ ...endpoint, aliases }] }));
  expect(called(['a b', '../x', id.slice(0, 12), 'fine'], 'name')).toBe('fine');
  expect(called(['@'], 'shop_registry_1')).toBe('shop_registry_1');
  expect(called([], '')).toBe('registry');
});

it.each([
  ['unix:///var/run/docker.sock', undefined],
  ['tcp://127.0.0.1:2375', undefined],
  ['tcp://localhost:2375', undefined],
  ['tcp://[::1]:2375', undefined],
  ['tcp://engine.example.com:2376', 'engine.example.com'],
  ['http://192.0.2.7:2375', '192.0.2.7'],
  ['ssh://root@engine.example.com', 'engine.example.com'],
  ['tcp://[2001:db8::1]:2376', '2001:db8::1'],
])('the engine at %s runs on %s', (address, host) => {
  expect(remoteHostOf(address)).toBe(host);
});

it('makes a URL of it, with scheme, port and prefix', () => {
  const plain = { port: 5000, tls: false, prefix: '' };
  expect(urlOf(plain, container('published'))).toBe('http://registry:5000');
  expect(urlOf({ ...plain, tls: true, prefix: '/images/' }, container('bridge'))).toBe(
    'https://shop-bridge:5000/images',
  );
  expect(urlOf({ ...plain, host: '[::1]' }, container('bridge'))).toBe('http://[::1]:5000');
  expect(urlOf({ ...plain, host: '2001:db8::1' }, container('bridge'))).toBe('http://[2001:db8::1]:5000');
});
