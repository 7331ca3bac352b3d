import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Rights, RightsQuestion } from '../../src/storage/rights.ts';
import { at } from '../support/layout.ts';
import { configFor, report } from '../support/program.ts';
import { pushImage, startUpload } from '../support/push.ts';
import { readOnlyWay } from '../support/read-only.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { diff, type Snapshot, snapshot, stateDirectory } from '../support/tree.ts';

const owner = 1234;
const other = ['setpriv', '--reuid=2345', '--regid=2345', '--clear-groups'];
const asOwner = ['setpriv', `--reuid=${owner}`, `--regid=${owner}`, '--clear-groups'];
const rights = ['dac_override', 'dac_read_search', 'fowner'].map((name) => `-${name}`).join(',');
const weakRoot = ['setpriv', `--bounding-set=${rights}`, `--inh-caps=${rights}`];
const noRight = 'no right to change what is in it; it belongs to 1234:1234, mode 755.';

let registry: TestRegistry;
let config: string;
let before: Snapshot;
beforeEach(async () => {
  registry = await startRegistry();
  for (const seed of ['old', 'new']) await pushImage(registry.pushUrl, 'team/app', 'v1', { seed });
  await pushImage(registry.pushUrl, 'other', 'v1');
  await startUpload(registry.pushUrl, 'other', new Uint8Array([1]));
  await registry.stop();
  config = configFor(registry, { live: 'stopped' });
  execFileSync('chmod', ['-R', 'a+rX', registry.directory]);
  execFileSync('chown', ['-R', `${owner}:${owner}`, registry.root]);
  before = snapshot(registry.root, { ignoreState: false });
});
afterEach(() => registry[Symbol.asyncDispose]());

/** What a run says to another user; what it says of other processes, which that user cannot see, is left out. */
async function refusedTo(under: readonly string[], command: 'run' | 'plan' = 'run') {
  const { report: document } = await report(command, config, [], { under });
  const details = document.error?.details ?? [];
  expect(diff(before, snapshot(registry.root, { ignoreState: false }))).toEqual([]);
  return { document, details: details.filter((text) => !text.includes(' may write there too')) };
}

/** As somebody else finds it: the question is asked in a process of its own. */
async function ask(under: readonly string[], question: Partial<RightsQuestion> = {}): Promise<Rights> {
  const { root } = registry;
  const whole = {
    driver: 'filesystem',
    root,
    kinds: [],
    stateDirectory: join(root, stateDirectory),
    writes: true,
  };
  const program = `
    import { lookAtRights } from ${JSON.stringify(resolve(import.meta.dirname, '../../src/storage/open.ts'))};
    console.log(JSON.stringify(await lookAtRights(${JSON.stringify({ ...whole, ...question })})));`;
  const [file = '', ...rest] = [...under, process.execPath, '--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(file, rest, { cwd: '/' });
  return JSON.parse(stdout) as Rights;
}

describe.runIf(process.getuid?.() === 0)('without the rights that a run takes', () => {
  it('another user is refused: an example for each kind of file, who owns it, and what cures it', async () => {
    const { document, details } = await refusedTo(other);
    expect(document).toMatchObject({ outcome: 'refused', exitCode: 6, error: { code: 'REFUSED' } });
    const { root } = registry;
    expect(details.slice(0, -1)).toEqual([
      `${root} (the cleaner's own files): ${noRight}`,
      expect.stringMatching(/_manifests\/revisions\/sha256 \(revisions\): /),
      expect.stringMatching(/_manifests\/tags\/v1 \(tags\): /),
      expect.stringMatching(/_manifests\/tags\/v1\/index\/sha256 \(tag history\): /),
      expect.stringMatching(/_layers\/sha256 \(layer links\): /),
      expect.stringMatching(/_uploads \(uploads\): /),
      expect.stringMatching(/blobs\/sha256\/[0-9a-f]{2} \(blobs\): /),
    ]);
    for (const text of details.slice(0, -1)) {
      expect(text).toContain(noRight);
      expect(text).toContain(`${root}`);
    }
    expect(details.at(-1)).toMatch(/runs as 2345:2345\. .* sudo -u '#1234' -g '#1234' /);
  });

  it('root is, too, in a container that has dropped its capabilities', async () => {
    const { document, details } = await refusedTo(weakRoot);
    expect(document).toMatchObject({ outcome: 'refused', exitCode: 6 });
    expect(details).toHaveLength(8);
    expect(details.at(-1)).toMatch(/runs as 0:0 without .* CAP_DAC_OVERRIDE/);
  });

  it('reading is enough for a dry run, and needed', async () => {
    const { document, details } = await refusedTo(other, 'plan');
    expect(details).toEqual([]);
    if (document.error === null) expect(document).toMatchObject({ outcome: 'ok', removed: { manifests: 1 } });

    chmodSync(join(registry.root, 'docker/registry/v2/blobs'), 0o700);
    before = snapshot(registry.root, { ignoreState: false });
    const closed = await refusedTo(other, 'plan');
    expect(closed.document).toMatchObject({ exitCode: 6 });
    expect(closed.details).toEqual([
      `${registry.root}/docker/registry/v2/blobs (blobs): no right to read it; it belongs to 1234:1234, mode 700.`,
      expect.stringContaining("sudo -u '#1234'"),
    ]);
  });

  it('state that another user has left is no secret kept by a stack of errors', async () => {
    const state = join(registry.root, stateDirectory);
    mkdirSync(state, { mode: 0o700 });
    writeFileSync(join(state, 'journal.ndjson'), '', { mode: 0o600 });
    before = snapshot(registry.root, { ignoreState: false });
    for (const command of ['run', 'plan'] as const) {
      const { document, details } = await refusedTo(asOwner, command);
      expect(document).toMatchObject({ exitCode: 6 });
      expect(details).toEqual([
        `${state} (the cleaner's own files): no right to read it; it belongs to 0:0, mode 700.`,
        expect.stringContaining('Run it as root.'),
      ]);
    }
  });

  it('the owner lacks nothing, nor does root', async () => {
    const { details } = await refusedTo(asOwner, 'plan');
    expect(details).toEqual([]);
    const kinds = [{ name: 'all', pattern: 'docker/registry/v2/blobs/*/*/*/data' }];
    expect((await ask(asOwner, { kinds })).denials).toEqual([]);
    expect((await ask([], { kinds })).denials).toEqual([]);
    expect((await report('run', config)).report).toMatchObject({ outcome: 'ok', removed: { manifests: 1 } });
  });
});

describe.runIf(process.getuid?.() === 0)('what is missing', () => {
  const link = [
    { name: 'revisions', pattern: 'docker/registry/v2/repositories/**/_manifests/revisions/*/*/link' },
  ];

  it('may be the reading of a single file', async () => {
    execFileSync('chmod', ['-R', '0777', join(registry.root, at.repository('other'))]);
    execFileSync('find', [registry.root, '-name', 'link', '-exec', 'chmod', '600', '{}', '+']);
    const { who, denials } = await ask(other, { kinds: link, stateDirectory: '/tmp/none' });
    expect(who).toEqual({ uid: 2345, gid: 2345, overridesRights: false, overridesSticky: false });
    const inOther = denials.filter(({ path }) => path.includes('/other/'));
    expect(inOther).toEqual([
      {
        kind: 'revisions',
        path: expect.stringMatching(/\/other\/_manifests\/revisions\/sha256\/[0-9a-f]{64}\/link$/),
        deed: 'read',
        because: 'rights',
        owner: { uid: owner, gid: owner },
        mode: 0o600,
      },
    ]);
  });

  it('may be the ownership that a sticky bit asks for', async () => {
    execFileSync('chmod', ['-R', 'a=rwx,+t', registry.root]);
    const question = { kinds: link, stateDirectory: '/tmp/none' };
    const { denials } = await ask(other, question);
    expect(denials.length).toBeGreaterThan(0);
    expect(new Set(denials.map(({ because }) => because))).toEqual(new Set(['sticky']));
    expect((await ask(asOwner, question)).denials).toEqual([]);
    expect((await ask([], question)).denials).toEqual([]);
    expect((await ask(weakRoot, question)).denials.map(({ because }) => because)).toContain('sticky');

    // Nothing is removed so far up.
    execFileSync('chmod', ['-R', '-t', registry.root]);
    execFileSync('chmod', ['+t', join(registry.root, at.repositories)]);
    expect((await ask(other, question)).denials).toEqual([]);
  });

  it('is not what a capability grants to a user who is not root', async () => {
    const granted = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
    const [setpriv = '', ...user] = other;
    expect((await ask(other, { kinds: link })).denials).not.toEqual([]);
    expect((await ask([setpriv, ...user, ...granted], { kinds: link })).denials).toEqual([]);
  });

  it('is told of the nearest directory there is, where the state directory must be made', async () => {
    const above = join(registry.directory, 'closed');
    mkdirSync(above, { mode: 0o755 });
    const question = { stateDirectory: join(above, 'not/yet/there') };
    expect((await ask(other, question)).denials).toMatchObject([
      { kind: 'state', path: above, deed: 'write' },
    ]);
    expect((await ask(other, { ...question, writes: false })).denials).toEqual([]);
    expect(existsSync(join(above, 'not'))).toBe(false);
  });

  it('is looked for in no more places, however large the registry is', async () => {
    const repositories = join(registry.root, 'docker/registry/v2/repositories');
    for (let i = 0; i < 300; i++)
      for (let tag = 0; tag < 5; tag++)
        mkdirSync(join(repositories, `deep/r${i}/_manifests/tags/t${tag}/current`), { recursive: true });
    const kinds = [
      ...link,
      { name: 'tags', pattern: 'docker/registry/v2/repositories/**/_manifests/tags/*/current/link' },
    ];
    // Ten places of each kind, two levels deep.
    const { denials } = await ask(other, { kinds, stateDirectory: '/tmp/none' });
    expect(denials.filter(({ kind }) => kind === 'tags').length).toBeGreaterThanOrEqual(10);
    expect(denials.length).toBeLessThanOrEqual(40);
  });
});

const way = readOnlyWay();
describe.runIf(way.asUs)('a storage that is mounted read-only', () => {
  it('is refused to a run as what it is, and good for a dry run', async () => {
    const under = way.command(registry.root, registry.directory);
    const { document, details } = await refusedTo(under);
    expect(document).toMatchObject({ exitCode: 6 });
    expect(details).toHaveLength(8);
    for (const text of details.slice(0, -1)) expect(text).toMatch(/: it is mounted read-only\.$/);
    expect(details.at(-1)).toMatch(/^Mount the storage so that the cleaner can write to it/);
    expect((await refusedTo(under, 'plan')).document).toMatchObject({ outcome: 'ok', error: null });
  });
});
