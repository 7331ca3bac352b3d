import { expect, test } from 'vitest';
import { parseMemo } from '../../../../src/runtime/process/memos.ts';

const stop = {
  kind: 'process-stop',
  runId: 'run-1',
  live: { start: ['start'], stop: ['stop'] },
  writers: [{ pid: 1, startTicks: 2 }],
  address: { host: '', port: 5000, ips: ['::'] },
  url: 'http://127.0.0.1:5000',
  cwd: '/',
  drainMs: 0,
  startTimeoutMs: 1,
};

test('reads back what was journaled', () => {
  expect(parseMemo(JSON.parse(JSON.stringify(stop)))).toEqual(stop);
  const child = { kind: 'process-collect', runId: 'run-1', directory: '/tmp/x' };
  expect(parseMemo(child)).toEqual(child);
  const { writers: _, ...start } = stop;
  const renew = { ...start, kind: 'process-renew', stopTimeoutMs: 1, root: '/var/lib/registry', boot: 'x' };
  expect(parseMemo(JSON.parse(JSON.stringify(renew)))).toEqual(renew);
});

test.each([
  undefined,
  { kind: 'docker-stop' },
  { ...stop, live: { start: [], stop: ['stop'] } },
  { ...stop, writers: [{ pid: -1, startTicks: 2 }] },
  { kind: 'process-readonly', runId: 'run-1' },
])('takes no other memo for one of its own: %j', (memo) => {
  expect(parseMemo(memo)).toBeUndefined();
});
