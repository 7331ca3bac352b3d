import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { measure } from '../../../bench/collect/measure.ts';
import { isAlive } from '../../support/processes.ts';
import { temporaryDirectory } from '../../support/program.ts';

describe.runIf(existsSync('/usr/bin/time'))('a command is measured', () => {
  const node = (script: string): readonly string[] => [process.execPath, '-e', script];

  it('by its own memory and that of its children, not by ours', async () => {
    using place = temporaryDirectory();
    const here = { scratch: place.path };
    const small = await measure({ argv: ['true'] }, here);
    expect(process.memoryUsage.rss()).toBeGreaterThan(20e6);
    expect(small.peak).toBeLessThan(20e6);
    const large = await measure({ argv: node('Buffer.alloc(3e8, 1)') }, here);
    expect(large.peak).toBeGreaterThan(3e8);
    const inner = `require('node:child_process').execFileSync(process.execPath, ['-e', 'Buffer.alloc(3e8, 1)'])`;
    expect((await measure({ argv: node(inner) }, here)).peak).toBeGreaterThan(3e8);
  });

  it('and fails when it does, with what it said last', async () => {
    using place = temporaryDirectory();
    const here = { scratch: place.path };
    const argv = ['sh', '-c', 'echo no such luck >&2; exit 3'];
    await expect(measure({ argv }, here)).rejects.toThrow(/ended with 3:\nno such luck/);
  });

  it('and is ended, with all that it started, when the measuring is', async () => {
    using place = temporaryDirectory();
    const ending = new AbortController();
    const file = join(place.path, 'pid');
    const argv = ['sh', '-c', `sh -c 'echo $$ >"${file}"; sleep 60; :'; :`];
    const measured = measure({ argv }, { scratch: place.path, signal: ending.signal });
    measured.catch(() => undefined);
    while (!existsSync(file) || readFileSync(file, 'utf8') === '') await sleep(5);
    ending.abort(new Error('enough'));
    await expect(measured).rejects.toThrow('enough');
    const pid = Number(readFileSync(file, 'utf8'));
    for (const deadline = Date.now() + 5_000; isAlive(pid) && Date.now() < deadline; ) await sleep(5);
    expect(isAlive(pid)).toBe(false);
  });
});
