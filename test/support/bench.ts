import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { StepId } from '../../src/pipeline/steps.ts';
import { type Closures, closure } from './oracle.ts';
import { configFor } from './program.ts';
import { noise, pushCosign, pushImage, pushMultiArch, startUpload } from './push.ts';
import { startRegistry, type TestRegistry } from './registry.ts';
import { runHere } from './run-here.ts';
import { walk } from './tree.ts';
import { beforeStopping, wrapBinary } from './wrapper.ts';

/** A registry to disturb a run on, again and again. */
export interface Bench extends AsyncDisposable {
  readonly registry: TestRegistry;
  /** What its tags need. */
  readonly closures: Closures;
  /** What is left after a run that nobody disturbed: paths below the root. */
  readonly cleaned: readonly string[];
  /** A configuration with which `step` lasts, if it can be made to. */
  configFor(step: StepId): string;
  /** Puts back what there was before the first run. The registry may run meanwhile. */
  reset(): void;
}

/** Long enough to be met in the middle, s. */
const pause = 0.15;

export async function openBench(): Promise<Bench> {
  const registry = await startRegistry();
  try {
    await fill(registry.pushUrl);
    const { root } = registry;
    const original = join(registry.directory, 'original');
    execFileSync('cp', ['-a', root, original]);
    const closures = closure(root);
    const patient = configuration(registry, { timeout: '20s', quiet: '20s' });
    const swift = configuration(registry, { timeout: '0s' });
    const { outcome, error } = await runHere(swift);
    if (outcome !== 'ok') throw new Error(`the undisturbed run ended with ${outcome}: ${error?.message}`);
    return {
      registry,
      closures,
      cleaned: pathsBelow(root),
      configFor: (step) => (step === 'drain' ? patient : swift),
      reset() {
        execFileSync('rm', ['-rf', join(root, 'docker')]);
        execFileSync('cp', ['-a', join(original, 'docker'), root]);
      },
      [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
    };
  } catch (thrown) {
    await registry[Symbol.asyncDispose]();
    throw thrown;
  }
}

/** Files and directories below the driver's root, without the program's own. */
export function pathsBelow(root: string): readonly string[] {
  return [...walk(root)].map(({ path }) => path).sort();
}

/** Something of every kind that a run removes, beside what it must keep; layers shared between both. */
async function fill(url: string): Promise<void> {
  const shared = noise('shared');
  for (const seed of ['one', 'two', 'three'])
    await pushImage(url, 'team/app', 'latest', { seed, layers: [shared, noise(seed)] });
  await pushMultiArch(url, 'team/deep/multi', 'v1', { seed: 'old' });
  const { index } = await pushMultiArch(url, 'team/deep/multi', 'v1', { seed: 'new' });
  await pushCosign(url, 'team/deep/multi', index);
  await pushImage(url, 'other', 'v1', { layers: [shared], dialect: 'docker' });
  await startUpload(url, 'other', noise('an upload that nobody goes on with'));
}

function configuration(registry: TestRegistry, drain: Readonly<Record<string, string>>): string {
  const slowly = `case "$1" in serve|garbage-collect) sleep ${pause} ;; esac`;
  return configFor(registry, {
    binary: wrapBinary(registry, slowly),
    live: beforeStopping(registry, `sleep ${pause}`),
    registry: { drain },
    more: { uploads: { keepWithin: '0s' } },
  });
}
