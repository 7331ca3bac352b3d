import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openEngine } from '../../../src/docker.ts';
import type { Engine, EngineEvent, ExecState } from '../../../src/engine/engine.ts';
import { bytesBetween } from './between.ts';
import { type Boxes, openBoxes } from './boxes.ts';

let boxes: Boxes;
let engine: Engine;
beforeAll(() => {
  boxes = openBoxes();
  engine = boxes.engine;
});
afterAll(() => boxes[Symbol.asyncDispose]());

/** Wide: the machine may be busy. */
const patience = { timeout: 20_000 };
const idle = 'trap "exit 0" TERM; while :; do sleep 0.1; done';

/** How an exec ended, by its inspection. */
async function endOf(exec: string, asked: Engine = engine): Promise<ExecState> {
  for (;;) {
    const state = await asked.inspectExec(exec);
    if (!state.running) return state;
    expect(state.exitCode).toBeUndefined();
    await sleep(50);
  }
}

describe('exec', () => {
  let box: string;
  beforeAll(async () => {
    box = await boxes.run(idle, { config: { User: '65534:65534', Env: ['GREETING=hällo'] } });
  });

  async function exec(script: string) {
    const lines: [string, string][] = [];
    const { id, output } = await engine.exec(box, ['/bin/sh', '-c', script], (line, stream) =>
      lines.push([stream, line]),
    );
    return { id, output, lines };
  }

  test('hands over both streams, runs as the user of the container, and leaves its exit code', async () => {
    const { id, output, lines } = await exec('echo "$GREETING $(id -u)"; echo no >&2; printf last; exit 3');
    await output;
    expect(lines.filter(([stream]) => stream === 'stdout')).toEqual([
      ['stdout', 'hällo 65534'],
      ['stdout', 'last'],
    ]);
    expect(lines).toContainEqual(['stderr', 'no']);
    expect(await endOf(id)).toEqual({ running: false, exitCode: 3 });
  });

  test('hands over all of a long output, in order', async () => {
    const { id, output, lines } = await exec(
      'i=0; while [ $i -lt 60000 ]; do echo "line $i of a long output"; i=$((i+1)); done',
    );
    await output;
    expect(lines).toHaveLength(60_000);
    expect(lines.every(([, line], index) => line === `line ${index} of a long output`)).toBe(true);
    expect(await endOf(id)).toEqual({ running: false, exitCode: 0 });
  });

  test('hands over lines as they come', async () => {
    const { output, lines } = await exec('echo first; sleep 2; echo second');
    await expect.poll(() => lines, patience).toEqual([['stdout', 'first']]);
    await output;
    expect(lines).toHaveLength(2);
  });

  test('of a command that is not there ends with a code that says so', async () => {
    const { id, output } = await engine.exec(box, ['/bin/none'], () => {});
    await output;
    const { exitCode } = await endOf(id);
    expect([126, 127]).toContain(exitCode);
  });

  test('may end before its output does, and its output before it', async () => {
    const long = await exec('sleep 2 & echo begun; exit 5');
    expect(await endOf(long.id)).toEqual({ running: false, exitCode: 5 });
    await long.output;

    await using between = await bytesBetween();
    const cut = openEngine(between.address);
    const lines: string[] = [];
    const begun = await cut.exec(box, ['/bin/sh', '-c', 'echo begun; sleep 2; exit 6'], (line) =>
      lines.push(line),
    );
    await expect.poll(() => lines, patience).toEqual(['begun']);
    between.cut();
    await begun.output.catch(() => undefined);
    expect(await engine.inspectExec(begun.id)).toEqual({ running: true, exitCode: undefined });
    expect(await endOf(begun.id, cut)).toEqual({ running: false, exitCode: 6 });
    await cut.close();
  });

  test('ends with its container', async () => {
    const doomed = await boxes.run(idle);
    const lines: string[] = [];
    const { id, output } = await engine.exec(doomed, ['/bin/sh', '-c', 'echo begun; sleep 60'], (line) =>
      lines.push(line),
    );
    await expect.poll(() => lines, patience).toEqual(['begun']);
    await engine.kill(doomed);
    await output.catch(() => undefined);
    await expect.poll(() => engine.inspectExec(id), patience).toMatchObject({ running: false });
  });

  test('tells what its listener threw, and reads no further', async () => {
    let lines = 0;
    const { output } = await engine.exec(box, ['/bin/sh', '-c', 'echo one; sleep 0.5; echo two'], () => {
      lines += 1;
      throw new Error('a bug');
    });
    await expect(output).rejects.toThrow('a bug');
    await sleep(1_000);
    expect(lines).toBe(1);
  });
});

describe('a file of a container', () => {
  let box: string;
  const script = `
    mkdir -p /files/deep/er && cd /files && printf 'héllo\\n' > plain && : > empty
    ln -s plain relative && ln -s /files/plain absolute && ln -s ../plain deep/up && ln -s deep linked
    ln -s ../../plain deep/er/up && ln -s deep/er short
    ln -s nowhere dangling && ln -s loop loop && ln -s /../../../etc/../files/plain climbing
    ln -s plain l1; ln -s l1 l2; ln -s l2 l3
    head -c 1048576 /dev/zero > whole; head -c 1048577 /dev/zero > large
    echo ready; ${idle}`;
  beforeAll(async () => {
    box = await boxes.run(script, { hostConfig: { Binds: ['/etc/hostname:/given:ro'] } });
    await vi.waitFor(async () => expect(await engine.logs(box, 1)).toEqual(['ready']), patience);
  });
  const read = async (path: string) => {
    const bytes = await engine.readFile(box, path);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString();
  };

  test.each([
    '/files/plain',
    '/files/relative',
    '/files/absolute',
    '/files/deep/up',
    '/files/linked/up',
    '/files/short/up',
    '/files/climbing',
    '/files/l3',
    '/files//deep/../plain',
    'files/plain',
  ])('is read by %s', async (path) => {
    expect(await read(path)).toBe('héllo\n');
  });

  test('may be empty, as long as 1 MiB, mounted, or in a container that has ended', async () => {
    expect(await read('/files/empty')).toBe('');
    expect(await read('/files/whole')).toBe('\0'.repeat(1024 * 1024));
    expect(await read('/given')).toMatch(/./);
    const ended = await boxes.run('echo kept > /kept');
    await expect.poll(async () => (await engine.inspect(ended))?.state.status, patience).toBe('exited');
    expect(Buffer.from((await engine.readFile(ended, '/kept')) ?? []).toString()).toBe('kept\n');
  });

  test.each(['/files/none', '/none/none', '/files/dangling'])('is not there: %s', async (path) => {
    expect(await read(path)).toBeUndefined();
  });

  test('is not there if the container is not', async () => {
    expect(await engine.readFile('engine-test-none', '/etc/hostname')).toBeUndefined();
  });

  test('is refused if it is none, or too long', async () => {
    await expect(read('/files')).rejects.toMatchObject({
      code: 'ENGINE_ANSWERED',
      message: expect.stringContaining('/files is a directory in the container'),
    });
    await expect(read('/files/plain/below')).rejects.toMatchObject({ code: 'ENGINE_ANSWERED' });
    await expect(read('/files/loop')).rejects.toMatchObject({ code: 'ENGINE_ANSWERED' });
    await expect(read('/files/large')).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' });
  });
});

describe('the log of a container', () => {
  const script = 'for i in 1 2 3; do echo "out $i"; sleep 0.05; echo "err $i" >&2; sleep 0.05; done';
  const ended = (box: string) =>
    expect.poll(async () => (await engine.inspect(box))?.state.status, patience).toBe('exited');

  test('is told from its end, both streams, oldest first', async () => {
    const box = await boxes.run(script);
    await ended(box);
    expect(await engine.logs(box, 3)).toEqual(['err 2', 'out 3', 'err 3']);
    expect(await engine.logs(box, 100)).toHaveLength(6);
  });

  test('is told of a terminal, too', async () => {
    const box = await boxes.run(script, { config: { Tty: true } });
    await ended(box);
    expect((await engine.logs(box, 2)).map((line) => line.trimEnd())).toEqual(['out 3', 'err 3']);
  });

  test('is empty where nothing was said, or nothing is kept', async () => {
    const silent = await boxes.create('true');
    expect(await engine.logs(silent, 5)).toEqual([]);
    const unkept = await boxes.run(script, { hostConfig: { LogConfig: { Type: 'none' } } });
    await ended(unkept);
    expect(await engine.logs(unkept, 5)).toEqual([]);
  });
});

describe('events', () => {
  test('tell what happens to containers from now on, until nobody wants them', async () => {
    const box = await boxes.create(idle);
    const seen: EngineEvent[] = [];
    const reasons: string[] = [];
    const stop = new AbortController();
    await engine.events({
      signal: stop.signal,
      onEvent: (event) => seen.push(event),
      onEnded: (reason) => reasons.push(reason),
    });
    await engine.start(box);
    await engine.kill(box);
    const id = (await engine.inspect(box))?.id;
    const actions = () =>
      seen.filter(({ containerName }) => containerName === box).map(({ action }) => action);
    await expect.poll(actions, patience).toEqual(expect.arrayContaining(['start', 'kill', 'die']));
    expect(actions()).not.toContain('create');
    expect(seen.find(({ containerName }) => containerName === box)?.containerId).toBe(id);
    stop.abort();
    const before = actions().length;
    await engine.start(box);
    await sleep(300);
    expect(actions()).toHaveLength(before);
    expect(reasons).toEqual([]);
  });

  test('that are cut off are told, once', async () => {
    await using between = await bytesBetween();
    const cut = openEngine(between.address);
    const reasons: string[] = [];
    const stop = new AbortController();
    await cut.events({ signal: stop.signal, onEvent() {}, onEnded: (reason) => reasons.push(reason) });
    between.cut();
    await expect.poll(() => reasons, patience).toHaveLength(1);
    stop.abort();
    await sleep(100);
    expect(reasons).toHaveLength(1);
    await cut.close();
  });
});
