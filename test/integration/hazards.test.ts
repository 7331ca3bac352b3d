import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kinds } from '../../src/plan/kinds.ts';
import { registryBinary } from '../support/binary.ts';
import { checkHere } from '../support/check-here.ts';
import { forMajor } from '../support/hazards/hazard.ts';
import { type Hazard, hazards, type Stage, stage, type Told } from '../support/hazards.ts';
import { assertNothingLost, type Closures, closure, unreachable } from '../support/oracle.ts';
import { configFor, type Report } from '../support/program.ts';
import { runHere } from '../support/run-here.ts';
import { count, diff, type Snapshot, snapshot } from '../support/tree.ts';

const { major } = registryBinary();
const nothing = { revisions: [], layerLinks: [], tagHistory: [], blobs: [] };
/** The registry removes old uploads by itself, at a random minute after its start. Here only the program may. */
const quietRegistry = { storage: { maintenance: { uploadpurging: { enabled: false } } } };
const everyType = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
].join(', ');

interface Before {
  readonly closures: Closures;
  readonly tree: Snapshot;
  readonly served: Readonly<Record<string, string>>;
  readonly pid: number;
}

it('has a hazard for every kind of finding, but for those that no pusher and no file makes', () => {
  const elsewhere = ['blob-unreadable', 'run-left-open'];
  const told = hazards
    .flatMap(({ check }) => [forMajor<readonly Told[]>(check, 2), forMajor(check, 3)])
    .flat();
  const met = new Set(told.map((text) => text.split(' ')[1]));
  expect(Object.keys(kinds).filter((kind) => !met.has(kind))).toEqual(elsewhere);
});

describe.concurrent.each(hazards)('the hazard $id', (hazard) => {
  const here = hazard.majors?.includes(major) ?? true;
  const leftOut = here ? '' : ` (left out with registry ${major}: ${hazard.needs3 ?? hazard.needs2})`;

  it.runIf(here)(
    `is cleaned without loss, or refused with nothing changed: ${hazard.title}${leftOut}`,
    async () => {
      await using staged = await stage(hazard, { leave: 'running', config: quietRegistry });
      const { registry } = staged;
      const config = configFor(registry, { registry: { drain: { quiet: '0s' } } });
      const before: Before = {
        closures: closure(registry.root),
        tree: snapshot(registry.root, { ignoreState: false }),
        served: await served(staged),
        pid: registry.pid ?? expect.fail('the live registry does not run'),
      };

      await expectTold(staged, hazard, config);
      const foretold = await runHere(config, { flags: { dryRun: true } });
      expectUntouched(staged, before, { ignoreState: false });
      if (staged.expect === 'refuse') {
        expectRefusal(foretold, staged);
        expectRefusal(await runHere(config), staged);
        expectUntouched(staged, before);
      } else {
        expect(foretold).toMatchObject({ exitCode: 0, error: null, dryRun: true });
        await expectCleaned(await runHere(config), foretold, hazard, staged, before);
      }
      expect(await served(staged)).toEqual(before.served);
    },
  );
});

/** What `check` says, and where; and that it and a run agree on whether this can be cleaned. */
async function expectTold(staged: Stage, { hidden }: Hazard, config: string): Promise<void> {
  const { registry, check: expected, place, names } = staged;
  const quick = await checkHere(config);
  expect(quick.exitCode).toBe(hidden === true ? 0 : exitOf(expected));
  expect([6, 21].includes(quick.exitCode), JSON.stringify(quick.findings)).toBe(staged.expect === 'refuse');
  if (hidden === true) expect(quick.findings).toEqual([]);
  const document = hidden === true ? await checkHere(config, true) : quick;
  const { findings } = document;
  const kinds = findings.map(({ severity, kind }) => `${severity} ${kind}`);
  expect([...new Set(kinds)]).toEqual(expected);
  expect(document).toMatchObject({ error: null, exitCode: exitOf(expected) });
  for (const { cure } of findings) expect(cure).toMatch(/^[A-Z].+\.$/);
  const [first] = findings;
  if (first !== undefined && place !== undefined) expect(first.path).toBe(join(registry.root, place));
  else if (first !== undefined && names.length > 0) {
    expect(names.filter((name) => first.path.includes(name))).not.toEqual([]);
  }
}

function exitOf([worst]: readonly Told[]): number {
  return worst?.startsWith('error ') ? 21 : worst?.startsWith('obstacle ') ? 6 : 0;
}

/** Exit 6, with the path (or what else names it) and what to do about it in each line. */
function expectRefusal(document: Report, { names }: Stage): void {
  expect(document).toMatchObject({ outcome: 'refused', exitCode: 6, error: { code: 'REFUSED' } });
  const { details = [] } = document.error ?? {};
  const naming = details.filter(
    (detail) => names.length === 0 || names.some((name) => detail.includes(name)),
  );
  expect(naming, `${names.join(' or ')} in ${details.join('\n')}`).not.toEqual([]);
  // What was found, a full stop, and the cure.
  for (const detail of details) expect(detail).toMatch(/\. \S.+\.$/s);
}

/** The tree is the same to the byte, and the live registry is the process that it was. */
function expectUntouched({ registry }: Stage, before: Before, options: { ignoreState?: boolean } = {}): void {
  const tree = new Map(before.tree);
  // Where the state directory is let be, so is the time of the root that has got it.
  const root = tree.get('') ?? expect.fail('no root');
  if (options.ignoreState !== false) tree.set('', { ...root, modified: 0n });
  expect(diff(tree, snapshot(registry.root, options))).toEqual([]);
  expect(registry.pid).toBe(before.pid);
}

async function expectCleaned(
  document: Report,
  foretold: Report,
  hazard: Hazard,
  staged: Stage,
  before: Before,
): Promise<void> {
  const { registry, names, goes, stays } = staged;
  expect(document).toMatchObject({ exitCode: 0, error: null });
  expect(document.removed).toEqual(foretold.removed);
  const warnings = document.warnings.join('\n');
  if (hazard.warns === true) {
    const naming = names.filter((name) => warnings.includes(name));
    expect(naming, `${names.join(' or ')} in ${warnings}`).not.toEqual([]);
  }
  for (const path of stays) expect(existsSync(join(registry.root, path)), path).toBe(true);
  for (const path of goes) expect(existsSync(join(registry.root, path)), path).toBe(false);
  assertNothingLost(before.closures, closure(registry.root));
  expect(unreachable(registry.root)).toEqual(nothing);
  if (hazard.nothingToDo === true) {
    expect(['empty', 'nothing-to-do']).toContain(document.outcome);
    expectUntouched(staged, before);
  } else {
    expect(document.outcome).toBe('ok');
    expect(document.after).toEqual(count(registry.root));
    expect(registry.pid).not.toBe(before.pid);
  }
}

/** What the live registry answers to whoever pulls each tag: its digest, or the status. */
async function served({ registry }: Stage): Promise<Readonly<Record<string, string>>> {
  const answers: Record<string, string> = {};
  for (const tag of closure(registry.root).keys()) {
    const colon = tag.lastIndexOf(':');
    const [repository, name] = [tag.slice(0, colon), tag.slice(colon + 1)].map(encodeURI);
    const response = await fetch(`${registry.url}/v2/${repository}/manifests/${name}`, {
      headers: { accept: everyType },
    });
    await response.arrayBuffer();
    answers[tag] = response.headers.get('docker-content-digest') ?? String(response.status);
  }
  return answers;
}
