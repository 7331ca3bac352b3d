import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { breaks } from './all.ts';
import { type Break, broken, needsEngine } from './break.ts';

/*
 * Breaks every promise by itself, in a copy of the tree, and sees each of the tests fail that are said to see it. What is
 * passed over for want of an engine is told. `run.ts TEXT…`: only promises or files with one of these texts in them;
 * `--quick`: only what tests of the projects unit and contracts see; `--slow`: only the others.
 */

const root = resolve(import.meta.dirname, '../..');
const speed = process.argv.find((word) => word === '--quick' || word === '--slow');
const words = process.argv.slice(2).filter((word) => word !== speed);
const hasEngine = (process.env.DOCKER_HOST ?? '') !== '';
const atMostMs = 30 * 60_000;

const wanted = breaks.filter(
  ({ promise, file, seenBy }) =>
    (words.length === 0 || words.some((word) => `${promise} ${file}`.includes(word))) &&
    (speed === undefined ||
      (speed === '--quick') === seenBy.every((test) => /^(?:unit|contracts)\//.test(test))),
);
const passedOver = hasEngine ? [] : wanted.filter(needsEngine);
const tried = wanted.filter((one) => !passedOver.includes(one));

const interruption = new AbortController();
const { signal } = interruption;

/** What each of some files of tests came to. `broke`: it could not even be loaded. */
type Outcome = 'passed' | 'failed' | 'broke' | 'missing';

interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'promises-'));
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
  });
  for (const file of listed.split('\0').filter((name) => name !== '')) {
    mkdirSync(join(copy, dirname(file)), { recursive: true });
    cpSync(join(root, file), join(copy, file), { verbatimSymlinks: true });
  }
  const modules = join(root, 'node_modules');
  // A container sees the copy and nothing beside it.
  if (tried.some(needsEngine))
    cpSync(modules, join(copy, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  else symlinkSync(modules, join(copy, 'node_modules'));
  return copy;
}

/**
 * What goes before a command so that all that it leaves behind ends with it: broken code does not end its children. A
 * shell is the first process there, since that reaps. Nothing where this user may not.
 */
const apart = new Promise<readonly string[]>((done) => {
  const prefix = ['--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', '"$@" & wait $!', 'sh'];
  execFile('unshare', [...prefix, 'true'], (error) => done(error === null ? ['unshare', ...prefix] : []));
});

async function runTests(copy: string, tests: readonly string[]): Promise<ReadonlyMap<string, Outcome>> {
  const report = join(copy, 'promises-report.json');
  rmSync(report, { force: true });
  const projects = [...new Set(tests.map((test) => test.split('/')[0]))].flatMap((name) => [
    '--project',
    name ?? '',
  ]);
  const files = tests.map((test) => `test/${test}.test.ts`);
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const argv = [vitest, 'run', ...projects, '--reporter=json', `--outputFile=${report}`, ...files];
  const [file = '', ...rest] = [...(await apart), process.execPath, ...argv];
  await new Promise<void>((done) => {
    const env = { REGISTRY_CLEANUP_IMAGE: 'node:24-bookworm-slim', ...process.env, E2E_SOURCE: copy };
    execFile(file, rest, { cwd: copy, env, timeout: atMostMs, maxBuffer: 2 ** 30, signal }, () => done());
  });
  return new Map(tests.map((test) => [test, outcomeOf(test, read(report), copy)]));
}

function read(report: string): TestReport {
  try {
    return JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    // It did not come to its end: then nothing is told of any test.
    return { testResults: [] };
  }
}

function outcomeOf(test: string, { testResults }: TestReport, copy: string): Outcome {
  const found = testResults.find(({ name }) => relative(copy, name) === `test/${test}.test.ts`);
  if (found === undefined) return 'missing';
  const states = found.assertionResults.map(({ status }) => status);
  if (states.includes('failed')) return 'failed';
  return states.includes('passed') ? 'passed' : 'broke';
}

/** The tests that did not fail although they should, with what they came to instead. */
async function unseen(copy: string, one: Break): Promise<readonly string[]> {
  const path = join(copy, one.file);
  const whole = readFileSync(path, 'utf8');
  try {
    writeFileSync(path, broken(one, whole));
    const outcomes = await runTests(copy, one.seenBy);
    return [...outcomes]
      .filter(([, outcome]) => outcome !== 'failed')
      .map(([test, outcome]) => `${test} ${outcome}`);
  } finally {
    writeFileSync(path, whole);
  }
}

const copy = copyTree();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    interruption.abort();
    rmSync(copy, { recursive: true, force: true });
    process.exit(1);
  });
}
let failures = 0;
try {
  const tests = [...new Set(tried.flatMap(({ seenBy }) => seenBy))];
  for (const [test, outcome] of await runTests(copy, tests)) {
    if (outcome === 'passed') continue;
    failures++;
    say(`FAIL  ${test}: ${outcome} with nothing broken`);
  }
  for (const one of tried) {
    const began = performance.now();
    const missed = await unseen(copy, one).catch((error: unknown) => [String(error)]);
    if (missed.length > 0) failures++;
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    const how = missed.length === 0 ? one.seenBy.join(', ') : `NOT SEEN: ${missed.join('; ')}`;
    say(
      `${missed.length === 0 ? 'ok  ' : 'FAIL'}  ${one.promise}\n      ${one.file} → ${how} (${seconds} s)`,
    );
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
for (const { promise } of passedOver) say(`--    ${promise}: no Docker Engine (DOCKER_HOST)`);
say(
  `${tried.length} promises broken, ${failures === 0 ? 'each seen by its tests' : `${failures} failures`}` +
    `${passedOver.length === 0 ? '' : `; ${passedOver.length} left out`}`,
);
process.exitCode = failures === 0 ? 0 : 1;
