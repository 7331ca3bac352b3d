import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { night, nightly } from '../support/fake-compose.ts';
import { temporaryDirectory } from '../support/program.ts';

const text = (file: string) => readFileSync(file, 'utf8');
const options = ['run', '-T', '--name', expect.stringMatching(/^registry-cleanup-nightly-\d+$/)];
const root = resolve(dirname(nightly), '..');

describe('what cron sees', () => {
  test('nothing when all is well; the log has it', async () => {
    using it = night();
    expect(await it.run()).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(text(it.log)).toMatch(/^cleaned$/m);
    expect(text(it.log)).toMatch(/nightly: exit 0: done, or nothing to do/);
  });

  test.each([
    [1, 'failed; the registry is back'],
    [3, 'done, with some items left'],
    [5, 'the fence did not hold'],
    [6, 'refused by a guard'],
    [20, 'THE REGISTRY COULD NOT BE RESTORED'],
    [21, 'VERIFICATION FOUND SOMETHING LOST'],
    [137, 'the cleaner was killed'],
    [99, 'an unknown code, so a failure'],
  ])('exit code %i, what it means, and the whole story', async (code, meaning) => {
    using it = night();
    it.cleaner(`echo first; echo second >&2; exit ${code}`);
    const { exitCode, stdout, stderr } = await it.run();
    expect(exitCode).toBe(code);
    expect(stdout).toBe('');
    expect(stderr).toContain(`exit ${code}: ${meaning}`);
    expect(stderr).toMatch(/^first\nsecond$/m);
    expect(stderr).toContain(it.log);
  });

  test('what to run by hand as the last thing when the registry could not be restored', async () => {
    using it = night();
    it.cleaner("printf 'Start it by hand, now:\\n\\n    docker start registry\\n\\n'; exit 20");
    expect((await it.run()).stderr).toMatch(/ {4}docker start registry\s*$/);
  });

  test('the story of a good run, too, with --verbose', async () => {
    using it = night();
    const { exitCode, stdout, stderr } = await it.run({ args: '--verbose' });
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^cleaned$/m);
  });

  test('a sentence and exit code 2 for arguments that are wrong', async () => {
    using it = night();
    for (const args of ['--dry-run', '--keep many', '--log', `--project-directory ${it.path}/nowhere`]) {
      const { exitCode, stderr } = await it.run({ args });
      expect([args, exitCode]).toEqual([args, 2]);
      expect(stderr).toMatch(/^nightly: .+\nSee nightly --help\.\n$/);
    }
    expect(existsSync(join(it.path, 'arguments'))).toBe(false);
  });
});

describe('what is run', () => {
  test('the service cleanup, with what stands after -- and the Compose files that are named', async () => {
    using it = night();
    await it.run({ args: "-f docker-compose.yml --file='compose/auth file.yml' -- --dry-run --json" });
    const files = ['-f', 'docker-compose.yml', '-f', 'compose/auth file.yml'];
    expect(it.noted('arguments')).toEqual(['v1', ...files, ...options, 'cleanup', '--dry-run', '--json']);
  });

  test('recover with --recover', async () => {
    using it = night();
    await it.run({ args: '--recover' });
    expect(it.noted('arguments')).toEqual(['v1', ...options, 'cleanup', 'recover']);
  });

  test('docker compose where it works', async () => {
    using it = night();
    it.set('v2');
    expect((await it.run()).exitCode).toBe(0);
    expect(it.noted('arguments')[0]).toBe('v2');
  });

  test('nothing where neither docker compose nor docker-compose works: exit 1, and why', async () => {
    using it = night();
    const none = join(it.path, 'bin', 'docker-compose');
    copyFileSync('/bin/false', none);
    const { exitCode, stderr } = await it.run();
    expect(exitCode).toBe(1);
    expect(stderr).toContain('the cleaner was not started');
    expect(stderr).toContain('neither "docker compose" nor "docker-compose" works');
  });

  test('with a PATH and a HOME that Docker can live with, when cron gives neither', async () => {
    using it = night();
    await it.run({ env: { HOME: undefined } });
    const [, path = '', home = ''] = it.noted('surroundings');
    expect(path.split(':')).toEqual(
      expect.arrayContaining(['/usr/local/bin', '/usr/local/sbin', '/usr/sbin', '/sbin']),
    );
    expect(home).toMatch(/^HOME=\/./);
  });

  test('in CLEANUP_PROJECT, in --project-directory, or in the repository of the script, even through a link', async () => {
    using it = night();
    await it.run();
    expect(it.noted('surroundings')).toContain(`PWD=${it.path}/a project`);
    const other = join(it.path, "another's project");
    mkdirSync(other);
    await it.run({ args: '--project-directory "another\'s project"', cwd: it.path });
    expect(it.noted('surroundings')).toContain(`PWD=${other}`);
    const link = join(it.path, 'link');
    symlinkSync(nightly, link);
    await it.run({ script: link, env: { CLEANUP_PROJECT: undefined } });
    expect(it.noted('surroundings')).toContain(`PWD=${root}`);
  });
});

describe('one at a time', () => {
  test('a second run of the same project ends with 4 and leaves the log of the first alone', async () => {
    using it = night();
    it.cleaner('ready; while [ ! -e "$FAKE/go" ]; do sleep 0.05; done; echo over');
    const first = it.run();
    await it.ready(first);
    const second = await it.run();
    expect([second.exitCode, second.stdout]).toEqual([4, '']);
    expect(second.stderr).toMatch(/^nightly: another nightly run of .+\/a project is under way\.\n$/);
    it.set('go');
    expect((await first).exitCode).toBe(0);
    expect(text(it.log)).toMatch(/^over$/m);
    expect(readdirSync(dirname(it.log))).toEqual([basename(it.log)]);
  });

  test('a cleaner whose nightly was killed goes on: the next one ends with 4', async () => {
    using it = night();
    it.set('state', 'running 0');
    const { exitCode, stderr } = await it.run();
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/^nightly: the cleaner of an earlier run is still at work/);
  });

  test('how a cleaner ended whose nightly was killed is told by the next one', async () => {
    using it = night();
    it.set('state', 'exited 20');
    it.set('output', 'docker start registry\n');
    const { exitCode, stderr } = await it.run();
    expect(exitCode).toBe(0);
    expect(stderr).toContain('its cleaner ended with 20');
    expect(stderr).toMatch(/^docker start registry$/m);
    expect(existsSync(join(it.path, 'state'))).toBe(false);
    expect(await it.run()).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });
});

describe('logs', () => {
  test('one for each run, the newest under the plain name, as many as --keep says', async () => {
    using it = night();
    for (const turn of [1, 2, 3, 4, 5]) {
      it.cleaner(`echo turn ${turn}`);
      await it.run({ args: turn < 5 ? '--keep 3' : '--keep 2' });
    }
    expect(readdirSync(dirname(it.log)).sort()).toEqual(['nightly.log', 'nightly.log.1', 'nightly.log.2']);
    for (const [file, turn] of [
      ['', 5],
      ['.1', 4],
      ['.2', 3],
    ] as const) {
      expect(text(`${it.log}${file}`)).toMatch(new RegExp(`^turn ${turn}$`, 'm'));
    }
  });

  test('that cannot be written keep nobody from cleaning: the story is told at once', async () => {
    using it = night();
    it.cleaner('echo cleaned; exit 3');
    const { exitCode, stderr } = await it.run({ args: '--log cleaner/nightly.log', cwd: it.path });
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/no log can be written: .*cleaner/);
    expect(stderr).toMatch(/^cleaned$/m);
  });

  test('take the place of nothing but an earlier log', async () => {
    using it = night();
    // In a directory of its own, not a device of this machine: were this to fail, that would be gone.
    const pipe = join(it.path, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const { exitCode, stderr } = await it.run({ args: `--log '${pipe}'` });
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`${pipe} is not a file`);
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    expect(existsSync(`${pipe}.1`)).toBe(false);
  });

  test("of a user that may not write to /var/log are in that user's state directory", async () => {
    using it = night();
    const script = join(it.path, 'nightly');
    copyFileSync(nightly, script);
    const home = join(it.path, 'home');
    mkdirSync(home);
    for (const [path, mode] of [
      [script, 0o755],
      [it.path, 0o777],
      [home, 0o777],
    ] as const)
      chmodSync(path, mode);
    const nobody = process.getuid?.() === 0 ? 'setpriv --reuid=65534 --regid=65534 --clear-groups ' : '';
    const done = execFileSync('/bin/sh', ['-c', `cd / && ${nobody}'${script}' 2>&1`], {
      env: { FAKE: it.path, CLEANUP_PROJECT: it.path, HOME: home, PATH: `${it.path}/bin:/usr/bin:/bin` },
    });
    expect(done.toString()).toBe('');
    expect(text(join(home, '.local/state/registry-cleanup/nightly.log'))).toMatch(/^cleaned$/m);
  });
});

describe('interrupted', () => {
  test.each([
    ['SIGTERM', 'TERM', 143],
    ['SIGINT', 'INT', 130],
    ['SIGHUP', 'TERM', 143],
  ] as const)(
    'by %s it has the cleaner undo everything, waits, and ends as the cleaner does',
    async (sent, got, code) => {
      using it = night();
      it.cleaner(
        `trap 'trap "" ${got}; sleep 0.5; echo undone; exit ${code}' ${got}\nready; while :; do sleep 0.05; done`,
      );
      const run = it.run();
      await it.ready(run);
      it.interrupt(sent);
      const { exitCode, stderr } = await run;
      expect(exitCode).toBe(code);
      expect(it.noted('signals')[0]).toBe(got);
      expect(stderr).toContain('interrupted; everything was undone');
      expect(stderr).toMatch(/^undone$/m);
      expect(existsSync(join(it.path, 'state'))).toBe(false);
    },
  );

  test('before there is a container it ends Compose', async () => {
    using it = night();
    it.set('before', ': >"$FAKE/ready"; exec sleep 300');
    const run = it.run();
    await it.ready(run);
    it.interrupt('SIGTERM');
    const { exitCode, stderr } = await run;
    expect(exitCode).toBe(143);
    expect(stderr).toContain('interrupted before the cleaner was started');
  });
});

describe('when Compose fails', () => {
  test('before the cleaner was started, that is told, with what Compose says', async () => {
    using it = night();
    it.set('before', 'echo "Service \'cleanup\' failed to build" >&2; exit 1');
    const { exitCode, stderr } = await it.run();
    expect(exitCode).toBe(1);
    expect(stderr).toContain('exit 1: the cleaner was not started');
    expect(stderr).toContain("Service 'cleanup' failed to build");
  });

  test('while the cleaner is at work, the cleaner is waited for and its exit code counts', async () => {
    using it = night();
    it.set('cut');
    it.set('output', 'all that it said\n');
    it.cleaner('sleep 3; exit 6');
    const { exitCode, stderr } = await it.run();
    expect(exitCode).toBe(6);
    expect(stderr).toMatch(/^the connection broke$/m);
    expect(stderr).toMatch(/^all that it said$/m);
    expect(existsSync(join(it.path, 'state'))).toBe(false);
  });

  test('because no engine answers, that is told', async () => {
    using it = night();
    it.set('down');
    it.set('before', 'exit 1');
    const { exitCode, stderr } = await it.run();
    expect(exitCode).toBe(1);
    expect(stderr).toContain('docker cannot be asked: Cannot connect to the Docker daemon');
  });

  test('nothing, where only Compose reaches the engine: it removes the container, and its exit code counts', async () => {
    using it = night();
    it.set('down');
    it.cleaner('exit 5');
    expect((await it.run()).exitCode).toBe(5);
    expect(it.noted('arguments')).toContain('--rm');
  });
});

const analyze = '/usr/bin/systemd-analyze';

test.runIf(existsSync(analyze))('systemd finds nothing wrong with the units', () => {
  using directory = temporaryDirectory();
  const examples = join(root, 'examples/systemd');
  const script = join(directory.path, 'nightly');
  copyFileSync(nightly, script);
  for (const name of readdirSync(examples)) {
    const unit = text(join(examples, name)).replaceAll('/opt/registry-cleanup/scripts/nightly', script);
    expect(unit).not.toContain('=/opt/');
    writeFileSync(join(directory.path, name), unit);
  }
  const units = readdirSync(examples).map((name) => join(directory.path, name));
  const { status, stderr } = spawnSync(analyze, ['verify', ...units], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
});
