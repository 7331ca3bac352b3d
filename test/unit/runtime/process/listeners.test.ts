import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { parseAddress } from '../../../../src/runtime/process/address.ts';
import { listenersOn, parseListening } from '../../../../src/runtime/process/listeners.ts';

const head =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

function row(local: string, state: string, inode: string): string {
  return `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 100 0 0 10 0\n`;
}

test('finds listening sockets in what the kernel prints, and no others', () => {
  expect(parseListening(head + row('0100007F:1388', '0A', '17') + row('0100007F:1389', '01', '18'))).toEqual([
    { ip: '127.0.0.1', port: 5000, inode: '17' },
  ]);
  expect(parseListening(head)).toEqual([]);
});

test.each([
  ['00000000000000000000000000000000:1388', '::'],
  ['00000000000000000000000001000000:1388', '::1'],
  ['0000000000000000FFFF00000100007F:1388', '127.0.0.1'],
  ['B80D0120000000000000000001000000:1388', '2001:db8::1'],
])('reads the IPv6 address %s', (local, ip) => {
  expect(parseListening(head + row(local, '0A', '17'))).toEqual([{ ip, port: 5000, inode: '17' }]);
});

test.each([
  ['127.0.0.1', ['127.0.0.1', 'localhost', '', '0.0.0.0'], ['127.0.0.2', '[::1]']],
  ['0.0.0.0', ['127.0.0.1', '', '0.0.0.0'], ['[::1]']],
  ['::', ['127.0.0.1', '[::1]', ''], []],
])(
  'a socket on %s meets the addresses that it would answer for, and names its process',
  async (host, meets, misses) => {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    try {
      for (const one of meets) {
        const found = await listenersOn((await parseAddress(`${one}:${port}`))!);
        expect(found.map(({ owners }) => owners.map(({ pid }) => pid))).toEqual([[process.pid]]);
      }
      for (const one of misses)
        expect(await listenersOn((await parseAddress(`${one}:${port}`))!)).toEqual([]);
    } finally {
      server.close();
    }
  },
);
