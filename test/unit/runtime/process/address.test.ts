import { expect, test } from 'vitest';
import { formatAddress, localUrl, parseAddress } from '../../../../src/runtime/process/address.ts';

const plain = { tls: false, prefix: '' };

test.each([
  [':5000', { host: '', port: 5000, ips: ['::'] }, 'http://127.0.0.1:5000'],
  ['0.0.0.0:5000', { host: '0.0.0.0', port: 5000, ips: ['0.0.0.0'] }, 'http://127.0.0.1:5000'],
  ['127.0.0.1:5000', { host: '127.0.0.1', port: 5000, ips: ['127.0.0.1'] }, 'http://127.0.0.1:5000'],
  ['[::1]:5000', { host: '::1', port: 5000, ips: ['::1'] }, 'http://[::1]:5000'],
  ['[::]:5000', { host: '::', port: 5000, ips: ['::'] }, 'http://127.0.0.1:5000'],
])('reads %s', async (text, expected, url) => {
  const address = await parseAddress(text);
  expect(address).toEqual(expected);
  expect(address && localUrl(address, plain)).toBe(url);
  expect(address && formatAddress(address)).toBe(text);
});

test('resolves a name', async () => {
  expect((await parseAddress('localhost:5000'))?.ips).toContain('127.0.0.1');
  await expect(parseAddress('nonesuch.invalid:5000')).rejects.toThrow();
});

test.each(['', '5000', ':0', ':http', ':65536', '127.0.0.1', '::1:5000'])(
  '%j names no fixed port',
  async (text) => {
    expect(await parseAddress(text)).toBeUndefined();
  },
);

test('a URL has the scheme and the prefix of the configuration', async () => {
  const address = await parseAddress('127.0.0.1:5000');
  expect(address && localUrl(address, { tls: true, prefix: '/registry/' })).toBe(
    'https://127.0.0.1:5000/registry',
  );
});
