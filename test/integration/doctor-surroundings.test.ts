import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problem } from '../../src/errors.ts';
import { openJournal } from '../../src/pipeline/journal.ts';
import { takeLock } from '../../src/pipeline/lock.ts';
import { selfAsOwner } from '../../src/pipeline/owner.ts';
import type { DoctorDocument } from '../../src/report/doctor-document.ts';
import { openState } from '../../src/storage/open.ts';
import { at } from '../support/layout.ts';
import { ownTmpdir, quiet } from '../support/process-runtime.ts';
import { configFor, program } from '../support/program.ts';
import { pushImage } from '../support/push.ts';
import { startRedis } from '../support/redis.ts';
import { freePort, startRegistry, type TestRegistry } from '../support/registry.ts';
import { runHere } from '../support/run-here.ts';
import { diff, snapshot, stateDirectory } from '../support/tree.ts';
import { wrapBinary } from '../support/wrapper.ts';
import { checkOf, examine, faultsOf, filled } from './doctor-here.ts';

const isRoot = process.getuid?.() === 0;

// What a throw-away instance leaves would be left here.
let place: ReturnType<typeof ownTmpdir>;
beforeAll(() => {
  place = ownTmpdir();
});
afterAll(() => place[Symbol.asyncDispose]());

describe('a descriptor cache in Redis', () => {
  test('is found to answer, or not', async () => {
    await using redis = await startRedis({ password: 'open-sesame' });
    const section = { addr: redis.address, addrs: [redis.address], password: 'open-sesame' };
    const cached = { storage: { cache: { blobdescriptor: 'redis' } }, redis: section };
    await using registry = await filled({ config: cached });
    const config = configFor(registry);
    const well = await examine(registry, config);
    expect(faultsOf(well).text).toBe('');
    expect(checkOf(well, 'cache')).toMatchObject({
      outcome: 'ok',
      text: expect.stringMatching(/in Redis, which answers/),
    });

    await redis.stop();
    const ill = await examine(registry, config);
    expect(faultsOf(ill).ids).toContain('cache');
    expect(checkOf(ill, 'cache').findings[0]?.text).toMatch(/cannot be flushed: .* Check that Redis runs/);
    expect(ill.exitCode).toBe(6);
    expect(JSON.stringify(ill)).not.toContain('open-sesame');
    expect((await runHere(config)).exitCode).toBe(6);
  });
});

describe('who else is there', () => {
  test('another registry on the same storage is a fault', async () => {
    await using registry = await filled();
    await using other = await startRegistry({ root: registry.root });
    const document = await examine(registry, configFor(registry));
    expect(faultsOf(document).ids).toEqual(['writers']);
    expect(faultsOf(document).text).toMatch(new RegExp(`pid ${other.pid}\\) writes there too.*stop it`));
    expect(document.exitCode).toBe(6);
  });

  test('a registry that works on another storage is a fault', async () => {
    await using registry = await filled();
    await using other = await startRegistry();
    await pushImage(other.url, 'team/app', 'v1', { seed: 'elsewhere' });
    const config = configFor(registry, { registry: { url: other.url } });
    const document = await examine(registry, config);
    expect(faultsOf(document).ids).toEqual(['storage']);
    expect(faultsOf(document).text).toMatch(/team\/app:v1: [\s\S]*Mount the live registry's own storage/);
    expect((await runHere(config)).exitCode).toBe(document.exitCode);
  });

  test('what answers at registry.url and is no registry is told', async () => {
    await using registry = await filled();
    await using stranger = await serve((_, response) => response.writeHead(404).end('<html>'));
    const config = configFor(registry, { registry: { url: stranger.url } });
    const document = await examine(registry, config);
    expect(faultsOf(document).ids).toEqual(['address']);
    const { findings } = checkOf(document, 'address');
    expect(findings.map(({ text }) => text).join('\n')).toMatch(
      /404[\s\S]*does not say that it is a registry/,
    );
    expect((await runHere(config)).exitCode).toBe(document.exitCode);
  });

  test('a registry that does not run is a notice, and read-only mode is tried all the same', async () => {
    await using registry = await filled();
    await registry.stop();
    const document = await examine(registry, configFor(registry));
    expect(document).toMatchObject({ outcome: 'ok', exitCode: 0 });
    expect(checkOf(document, 'registry')).toMatchObject({ outcome: 'notice', text: 'it does not run' });
    expect(checkOf(document, 'address')).toMatchObject({ outcome: 'skipped' });
    expect(checkOf(document, 'readonly')).toMatchObject({ outcome: 'ok' });
  });
});

describe('another run', () => {
  test('that is under way ends this one: 4, whatever else there is', async () => {
    await using registry = await filled();
    const state = await openState(join(registry.root, stateDirectory));
    // Its heartbeat would be a change that somebody else makes.
    const times = { beatEvery: 600_000, stillFor: 20_000, lookEvery: 500 };
    const recover = async () => {};
    const held = await takeLock({ state, run: 'the-other-run', signal: quiet, recover, times });
    try {
      const document = await examine(registry, configFor(registry));
      expect(faultsOf(document).ids).toEqual(['lock']);
      expect(faultsOf(document).text).toMatch(/run the-other-run \(pid \d+.*\nWait until it has ended/);
      expect(document.exitCode).toBe(4);
      expect((await runHere(configFor(registry))).exitCode).toBe(4);

      // Its open deeds explain what else is wrong.
      const journal = await openJournal(state, 'the-other-run');
      await journal.deed('stop', { kind: 'process-stop' });
      const busy = configFor(registry, { live: 'stopped' });
      expect((await examine(registry, busy)).exitCode).toBe(4);
      expect((await runHere(busy)).exitCode).toBe(4);
    } finally {
      await held.release();
    }
  });

  test('that died and left something open is told, with how to undo it now', async () => {
    await using registry = await filled();
    const state = await openState(join(registry.root, stateDirectory));
    // Nobody has this number.
    const dead = { ...selfAsOwner('the-dead-run'), pid: 4_194_304, startedAt: '1' };
    await state.createExclusive('lock', JSON.stringify(dead));
    const config = configFor(registry);
    const locked = await examine(registry, config);
    expect(locked.exitCode).toBe(0);
    expect(checkOf(locked, 'lock').findings[0]?.text).toMatch(/died and left its lock/);

    const journal = await openJournal(state, 'the-dead-run');
    await journal.deed('stop', { kind: 'process-stop' });
    const open = await examine(registry, config);
    const { outcome, findings } = checkOf(open, 'lock');
    expect(outcome).toBe('notice');
    expect(findings[0]?.text).toMatch(/left 1 deed to undo/);
    expect(findings[0]?.cure).toContain('    registry-cleanup recover');
  });
});

describe.runIf(isRoot)('a disk', () => {
  test('with little room left is a notice', async () => {
    using disk = smallDisk();
    await using registry = await filled({ root: disk.path });
    const document = await examine(registry, configFor(registry));
    expect(document.exitCode).toBe(0);
    const findings = [{ text: expect.stringMatching(/^Only \d+ KiB are free for .*may be too little/) }];
    expect(checkOf(document, 'space')).toMatchObject({ outcome: 'notice', findings });
  });

  test('that is full is a fault, unless lock and journal have their place elsewhere', async () => {
    using disk = smallDisk();
    await using registry = await filled({ root: disk.path });
    expect(() => writeFileSync(join(disk.path, 'scheduler-state.json'), new Uint8Array(1 << 20))).toThrow(
      'ENOSPC',
    );
    const config = configFor(registry);
    const full = await examine(registry, config);
    expect(faultsOf(full).ids).toEqual(['space']);
    expect(faultsOf(full).text).toMatch(/^No byte is free for .*\nFree some, or set state\.directory/);
    expect(full.exitCode).toBe(1);
    expect((await runHere(config)).exitCode).toBe(1);

    const directory = join(registry.directory, 'state');
    const aside = configFor(registry, { more: { state: { directory } } });
    const fine = await examine(registry, aside);
    expect(fine.exitCode).toBe(0);
    expect(checkOf(fine, 'space').findings).toMatchObject([
      { text: expect.stringMatching(/ is full: pushes fail/) },
    ]);
    expect((await runHere(aside)).exitCode).toBe(0);
  });
});

test.runIf(isRoot)('a user who may not do what a run does is told so, and as whom to run', async () => {
  await using registry = await filled();
  await registry.stop();
  const config = configFor(registry, { live: 'stopped' });
  chmodSync(place.path, 0o755);
  execFileSync('chmod', ['-R', 'a+rX', registry.directory]);
  const before = snapshot(registry.root, { ignoreState: false });
  const under = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const { stdout, exitCode } = await program(['doctor', '--json', '--config', config], { under });
  const { outcome, findings } = checkOf(JSON.parse(stdout) as DoctorDocument, 'rights');
  expect(outcome).toBe('fault');
  expect(findings[0]?.details.join('\n')).toMatch(/no right to change what is in it[\s\S]*Run it as root/);
  expect(exitCode).toBe(6);
  expect(diff(before, snapshot(registry.root, { ignoreState: false }))).toEqual([]);
});

describe('clocks', () => {
  test('a link from the future is a notice', async () => {
    await using registry = await filled();
    const later = Date.now() / 1000 + 3600;
    utimesSync(join(registry.root, at.current('team/app', 'v1')), later, later);
    const document = await examine(registry, configFor(registry));
    expect(document.exitCode).toBe(0);
    expect(checkOf(document, 'clocks')).toMatchObject({ outcome: 'notice' });
    expect(checkOf(document, 'clocks').findings[0]?.text).toMatch(/^1 link in the storage/);
  });

  test('a registry whose clock is another is a notice', async () => {
    await using registry = await filled();
    await using late = await serve(async (request, response) => {
      const answer = await fetch(`${registry.url}${request.url}`, {
        headers: { accept: request.headers.accept ?? '*/*' },
        method: request.method ?? 'GET',
      });
      const headers = Object.fromEntries(answer.headers);
      const date = new Date(Date.now() - 7_200_000).toUTCString();
      response.writeHead(answer.status, { ...headers, date }).end(Buffer.from(await answer.arrayBuffer()));
    });
    const document = await examine(registry, configFor(registry, { registry: { url: late.url } }));
    expect(faultsOf(document).text).toBe('');
    expect(checkOf(document, 'clocks').findings[0]?.text).toMatch(/clock is 2 h behind ours/);
  });
});

describe('the recovery at boot', () => {
  /** A systemctl that says `text` of every unit. */
  function systemctl(registry: TestRegistry, text: string): Readonly<Record<string, string>> {
    const directory = mkdtempSync(join(registry.directory, 'bin-'));
    const file = join(directory, 'systemctl');
    writeFileSync(
      file,
      `#!/bin/sh\n[ "$*" = "is-enabled registry-cleanup-recover.service" ] || exit 9\n${text}\n`,
    );
    chmodSync(file, 0o755);
    return { PATH: `${directory}:${process.env.PATH}` };
  }

  test.each([
    { says: 'echo enabled', outcome: 'ok' },
    { says: 'echo disabled; exit 1', outcome: 'notice' },
    {
      says: 'echo "Failed to get unit file state: No such file or directory" >&2; exit 1',
      outcome: 'notice',
    },
  ])('is $outcome where systemctl does: $says', async ({ says, outcome }) => {
    await using registry = await startRegistry({ start: false });
    const { findings, ...check } = checkOf(
      await examine(registry, configFor(registry), { env: systemctl(registry, says) }),
      'boot',
    );
    expect(check.outcome).toBe(outcome);
    if (outcome === 'notice')
      expect(findings[0]?.cure).toContain('    sudo systemctl enable registry-cleanup-recover.service');
  });

  test('is nothing to systemd where there is none', async () => {
    await using registry = await startRegistry({ start: false });
    const empty = mkdtempSync(join(registry.directory, 'bin-'));
    const document = await examine(registry, configFor(registry), { env: { PATH: empty } });
    expect(checkOf(document, 'boot')).toMatchObject({ outcome: 'skipped' });
    expect(checkOf(document, 'boot').text).toContain('registry-cleanup recover');
  });
});

test('an interruption ends it, and the throw-away instance with it', async () => {
  await using registry = await filled();
  const started = join(registry.directory, 'started');
  const binary = wrapBinary(registry, `case "$1" in serve) touch '${started}'; exec sleep 60 ;; esac`);
  const interruption = new AbortController();
  const waiting = setInterval(() => {
    if (existsSync(started)) interruption.abort(problem('INTERRUPTED', { signal: 'SIGINT' }));
  }, 20);
  try {
    const document = await examine(registry, configFor(registry, { binary }), {
      signal: interruption.signal,
    });
    expect(document).toMatchObject({ outcome: 'interrupted', exitCode: 130, error: { code: 'INTERRUPTED' } });
    expect(checkOf(document, 'storage').outcome).toBe('ok');
  } finally {
    clearInterval(waiting);
  }
});

/** A file system of 256 KiB. */
function smallDisk(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(place.path, 'disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', path]);
  return {
    path,
    [Symbol.dispose]() {
      execFileSync('umount', [path]);
      rmSync(path, { recursive: true });
    },
  };
}

interface Served extends AsyncDisposable {
  readonly url: string;
}

/** Something that speaks HTTP. */
async function serve(listener: RequestListener): Promise<Served> {
  const server = createServer(listener);
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
