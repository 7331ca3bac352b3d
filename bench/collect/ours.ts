import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configFor, type Report } from '../../test/support/program.ts';
import { liveCommands, startRegistry } from '../../test/support/registry.ts';
import type { Home } from '../tree/home.ts';
import type { Contender, Taken, Workshop } from './contender.ts';
import { measure } from './measure.ts';
import { watchClosed } from './probe.ts';

/** As in the image (compose/Dockerfile). */
export const imageEnvironment = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
  NODE_OPTIONS: '--max-semi-space-size=2',
} as const;

type Collector = 'native' | 'registry';
/** The document, with what the tests' own type of it has no use for. */
interface Document extends Omit<Report, 'steps'> {
  readonly steps: readonly { readonly id: string; readonly seconds: number }[];
}

/** What this program does, with each collector. */
export function ours(shop: Workshop): Contender[] {
  const collectors: readonly Collector[] = ['native', 'registry'];
  return [
    ...collectors.map((collector) => lookAlone(shop, collector)),
    {
      ...lookAlone(shop, 'native'),
      id: 'look-skew',
      on: 'skew',
      title: 'inventory and plan, collector: native, one repository has 90 %',
    },
    ...collectors.map((collector): Contender => {
      return {
        id: `dry-run-${collector}`,
        title: `run --dry-run, collector: ${collector}`,
        on: 'base',
        run: (home) => clean(shop, home, stopped(shop, home, collector), ['--dry-run']),
      };
    }),
    ...collectors.map((collector): Contender => {
      return {
        id: `run-${collector}`,
        title: `run, collector: ${collector}`,
        on: 'copy',
        run: (home) => clean(shop, home, stopped(shop, home, collector)),
      };
    }),
    ...collectors.map((collector): Contender => {
      return {
        id: `closed-${collector}`,
        title: `closed to pushes, 1 % of garbage, collector: ${collector}`,
        on: 'closed',
        run: (home) => closed(shop, home, collector),
      };
    }),
  ];
}

/** Inventory, plan and guards, as a run with that collector does them. */
function lookAlone(shop: Workshop, collector: Collector): Contender {
  return {
    id: `look-${collector}`,
    title: `inventory and plan, collector: ${collector}`,
    on: 'base',
    async run({ root }) {
      const output = join(shop.scratch, 'look.json');
      const argv = [process.execPath, ...shop.nodeFlags, ...shop.look(root, collector)];
      const measured = await measure({ argv, env: imageEnvironment }, shop, output);
      const { seconds, parts } = JSON.parse(readFileSync(output, 'utf8')) as Required<Taken>;
      return { ...measured, seconds, parts };
    },
  };
}

/** A configuration for a registry that does not run. */
function stopped({ binaries, scratch }: Workshop, home: Home, collector: Collector): string {
  const file = join(mkdtempSync(join(scratch, 'config-')), 'cleanup.config.json');
  const registry = {
    runtime: 'process',
    binary: binaries[0].path,
    config: home.configFile,
    live: 'stopped',
  };
  writeFileSync(file, JSON.stringify({ registry, collector }));
  return file;
}

/** A whole run. What counts is from the inventory to the last proof; the process has its start besides. */
async function clean(
  shop: Workshop,
  home: Home,
  config: string,
  flags: readonly string[] = [],
): Promise<Taken> {
  const output = join(shop.scratch, 'run.json');
  const program = [process.execPath, ...shop.nodeFlags, shop.cli()];
  const argv = [...program, 'run', '--config', config, '--json', ...flags];
  const measured = await measure({ argv, env: imageEnvironment }, shop, output);
  const { outcome, removed, window, steps } = JSON.parse(readFileSync(output, 'utf8')) as Document;
  if (outcome !== 'ok' || removed.manifests !== home.counts.untagged)
    throw new Error(`${argv.join(' ')}: ${outcome}, ${JSON.stringify(removed)}`);
  const from = steps.findIndex(({ id }) => id === 'inventory');
  const to = steps.findIndex(({ id }) => id === 'report');
  const worked = steps.slice(from, to === -1 ? undefined : to);
  const parts: Record<string, number> = { 'said to be read-only': window.readOnlySeconds };
  parts['said to be unavailable'] = window.unavailableSeconds;
  for (const { id, seconds } of worked) parts[id] = seconds;
  return { ...measured, seconds: worked.reduce((sum, { seconds }) => sum + seconds, 0), parts };
}

/** For how long a client cannot push to a registry that runs while it is cleaned. */
async function closed(shop: Workshop, home: Home, collector: Collector): Promise<Taken> {
  await using registry = await startRegistry({ root: home.root, binary: shop.binaries[0].path });
  const live = liveCommands(registry);
  const more = { collector, untagged: { keepWithin: '1h' } };
  const client = watchClosed(registry.url);
  const taken = await clean(shop, home, configFor(registry, { live, more })).catch(async (error: unknown) => {
    await client.stop().catch(() => undefined);
    throw error;
  });
  const seen = await client.stop();
  return {
    ...taken,
    seconds: seen.closed,
    parts: { 'seen to be unavailable': seen.unavailable, ...taken.parts },
  };
}
