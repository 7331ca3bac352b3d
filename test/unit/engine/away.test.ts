import { expect, it } from 'vitest';
import { answered } from '../../../src/engine/answered.ts';
import { isAway } from '../../../src/engine/away.ts';
import { problem } from '../../../src/errors.ts';

const call = { method: 'POST', path: '/containers/x/start' };
const json = (message: string): Uint8Array => Buffer.from(JSON.stringify({ message }));

it.each([
  ['a proxy that does not reach it (502)', 502, Buffer.from('<html>Bad Gateway</html>')],
  ['a proxy that has no server for it (503)', 503, Buffer.from('<html>503 Service Unavailable</html>')],
  ['a proxy that waits in vain (504)', 504, new Uint8Array()],
  [
    'an engine whose containerd is gone',
    500,
    json(
      'connection error: desc = "transport: Error while dialing dial unix:///run/containerd/containerd.sock: timeout": unavailable',
    ),
  ],
  ['an engine that goes down', 500, json('context canceled')],
])('%s says that the engine is away, and its own words stay', (_, status, body) => {
  const error = answered(call, status, body);
  expect(error).toMatchObject({ code: 'ENGINE_ANSWERED', message: expect.stringContaining(String(status)) });
  expect(isAway(error)).toBe(true);
  expect(isAway(problem('NOT_RESTORED', { reasons: [], command: '' }, error))).toBe(true);
});

it.each([
  [
    'a port that is taken',
    500,
    json('driver failed programming external connectivity: port is already allocated'),
  ],
  ['a conflict', 409, json('is restarting, wait until the container is running')],
  ['a proxy that forbids it', 403, Buffer.from('<html>403 Forbidden</html>')],
])('%s is the answer of an engine that is there', (_, status, body) => {
  expect(isAway(answered(call, status, body))).toBe(false);
});

it('what is thrown by a bug says nothing of the engine', () => {
  expect(isAway(new TypeError('x is not a function'))).toBe(false);
});
