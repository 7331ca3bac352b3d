import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { describeOwner, lifeOf, type Owner, parseOwner, selfAsOwner } from '../../../src/pipeline/owner.ts';

const self = selfAsOwner('20260101T000000-00000000');
/** Beyond the highest pid that Linux gives. */
const noPid = 2 ** 22 + 1;

const children: ChildProcess[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe('whether an owner lives', () => {
  it('we do', () => {
    expect(lifeOf(self)).toBe('alive');
  });

  it('a process that has ended does not', async () => {
    const child = spawn('true');
    const { pid = 0 } = child;
    await once(child, 'exit');
    expect(lifeOf({ ...self, pid })).toBe('dead');
    expect(lifeOf({ ...self, pid: noPid })).toBe('dead');
  });

  it('another process of the same number does not count as it', () => {
    expect(lifeOf({ ...self, startedAt: String(Number(self.startedAt) - 1) })).toBe('dead');
  });

  it('a zombie has ended', async () => {
    // The shell becomes a program that does not wait for what the shell has started.
    const parent = spawn('/bin/sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(parent);
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    await vi.waitFor(() => expect(readFileSync(`/proc/${parent.pid}/comm`, 'latin1')).toBe('sleep\n'));
    const owner = { ...self, pid, startedAt: startedAt(pid) };
    expect(lifeOf(owner)).toBe('alive');
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(lifeOf(owner)).toBe('dead'));
    expect(startedAt(pid)).toBe(owner.startedAt);
  });

  it.each([{ boot: 'another' }, { pidNamespace: 'pid:[1]' }])('cannot be seen from here: %o', (elsewhere) => {
    expect(lifeOf({ ...self, ...elsewhere })).toBe('unknown');
    expect(lifeOf({ ...self, ...elsewhere, pid: noPid })).toBe('unknown');
  });

  it('nor can that of another user whom /proc hides (hidepid), but who can be signalled in vain', () => {
    vi.spyOn(process, 'kill').mockImplementation(() => {
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    });
    expect(lifeOf({ ...self, pid: noPid })).toBe('unknown');
  });
});

/** Field 22 of proc(5)'s `stat`; the name before it has no blanks here. */
function startedAt(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21] ?? '';
}

describe('reading an owner', () => {
  it('gives back what was written', () => {
    expect(parseOwner(JSON.stringify(self))).toEqual(self);
  });

  it.each(Object.keys(self).filter((key) => key !== 'beat' && key !== 'container'))(
    'tells nothing without %s',
    (key) => {
      const { [key as keyof Owner]: _, ...rest } = self;
      expect(parseOwner(JSON.stringify(rest))).toBeUndefined();
    },
  );

  it('gives back the container, and tells people the part of its id that they know', () => {
    const container = '1234567890ab'.padEnd(64, 'c');
    const owner = parseOwner(JSON.stringify({ ...self, container }));
    expect(owner).toEqual({ ...self, container });
    expect(describeOwner(owner)).toContain(` in container 1234567890ab on ${self.host}`);
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '7',
    JSON.stringify({ ...self, pid: 0 }),
    JSON.stringify({ ...self, container: null }),
  ])('tells nothing of %j', (text) => {
    expect(parseOwner(text)).toBeUndefined();
    expect(describeOwner(parseOwner(text))).toBe('an owner that cannot be read');
  });
});
