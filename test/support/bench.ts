import { join } from 'node:path';
import type { StepId } from '../../src/pipeline/steps.ts';
import type { Collector } from './matrix/points.ts';
import { type Closures, closure } from './oracle.ts';
import { type ConfigOptions, configFor } from './program.ts';
import { noise, pushCosign, pushImage, pushMultiArch, startUpload } from './push.ts';
import { liveCommands, startRegistry, type TestRegistry } from './registry.ts';
import { resettable } from './reset.ts';
import { runHere } from './run-here.ts';
import { walk } from './tree.ts';
import { beforeStopping, wrapBinary } from './wrapper.ts';

/** A registry to disturb a run on, again and again. */
export interface Bench extends AsyncDisposable {
  readonly registry: TestRegistry;
  /** What its tags need. */
  readonly closures: Closures;
  /** What is left after a run that nobody disturbed, with the one collector or the other: paths below the root. */
  readonly cleaned: readonly string[];
  /** A configuration with which `step` lasts, if it can be made to. No other step does. */
  configFor(step: StepId, collector?: Collector): string;
  /** Puts back what there was before the first run. The registry may run meanwhile. */
  reset(): void;
}

/** For so long a step that lasts does, s: long enough to be met in the middle. */
export const pause = 0.15;

export async function openBench(): Promise<Bench> {
  const registry = await startRegistry();
  try {
    await fill(registry.pushUrl);
    const { root } = registry;
    const reset = resettable(root, join(registry.directory, 'original'));
    const closures = closure(root);
    const configurations = (collector: Collector): Configurations => {
      const slow: Partial<Record<StepId, string>> = {};
      for (const [step, options] of Object.entries(lasting(registry)))
        slow[step as StepId] = configuration(registry, collector, options);
      return { slow, swift: configuration(registry, collector) };
    };
    const all = { registry: configurations('registry'), native: configurations('native') };
    const { outcome, error } = await runHere(all.registry.swift);
    if (outcome !== 'ok') throw new Error(`the undisturbed run ended with ${outcome}: ${error?.message}`);
    return {
      registry,
      closures,
      cleaned: pathsBelow(root),
      configFor: (step, collector = 'registry') => all[collector].slow[step] ?? all[collector].swift,
      reset,
      [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
    };
  } catch (thrown) {
    await registry[Symbol.asyncDispose]();
    throw thrown;
  }
}

interface Configurations {
  readonly swift: string;
  readonly slow: Readonly<Partial<Record<StepId, string>>>;
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

/** What makes a step last. The collector is stopped for a while in the middle of its work as well. */
function lasting(registry: TestRegistry): Partial<Record<StepId, ConfigOptions>> {
  const at = (verb: string, script: string) =>
    wrapBinary(registry, `case "$*" in ${verb}) ${script} ;; esac`);
  const whileItCollects = `( p=$$; exec /bin/sh -c "sleep 0.015; kill -STOP $p; sleep ${pause}; kill -CONT $p" \
    >/dev/null 2>&1 ) &`;
  const { start, stop } = liveCommands(registry);
  return {
    drain: { registry: { drain: { timeout: '20s', quiet: '20s' } } },
    stop: { live: beforeStopping(registry, `sleep ${pause}`) },
    readonly: { binary: at("'serve '*", `sleep ${pause}`) },
    rehearse: { binary: at("'garbage-collect '*--dry-run*", `sleep ${pause}`) },
    collect: { binary: at("*--dry-run*) ;; 'garbage-collect '*", `sleep ${pause / 3}; ${whileItCollects}`) },
    restore: { live: { start: ['/bin/sh', '-c', `sleep ${pause}; exec '${start.join("' '")}'`], stop } },
  };
}

function configuration(registry: TestRegistry, collector: Collector, options: ConfigOptions = {}): string {
  return configFor(registry, {
    ...options,
    registry: { drain: { timeout: '0s' }, ...options.registry },
    more: { collector, uploads: { keepWithin: '0s' } },
  });
}
