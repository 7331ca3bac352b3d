import { tmpdir } from 'node:os';
import { expect } from 'vitest';
import { doctor } from '../../src/commands/doctor.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { CheckId, DoctorCheck, DoctorDocument } from '../../src/report/doctor-document.ts';
import { children } from '../../src/runtime/process/children.ts';
import { ownTmpdir, quiet } from '../support/process-runtime.ts';
import { type Pushed, pushImage } from '../support/push.ts';
import { type RegistryOptions, startRegistry, type TestRegistry } from '../support/registry.ts';
import { diff, snapshot } from '../support/tree.ts';

const plainEnv = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/' };

export type Filled = TestRegistry & { readonly image: Pushed };

/** A registry with a tag, and something to remove. */
export async function filled(options: RegistryOptions = {}): Promise<Filled> {
  const registry = await startRegistry(options);
  await pushImage(registry.pushUrl, 'team/app', 'v1', { seed: 'old' });
  const image = await pushImage(registry.pushUrl, 'team/app', 'v1', { seed: 'new' });
  return Object.assign(registry, { image });
}

interface Seen {
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** What the doctor says. Nothing is different afterwards, neither in the storage nor in the place for temporary files. */
export async function examine(
  registry: Pick<TestRegistry, 'root'>,
  configFile: string,
  { env = {}, signal = quiet }: Seen = {},
): Promise<DoctorDocument> {
  const ours = { ...plainEnv, ...env };
  const before = snapshot(registry.root, { ignoreState: false });
  await using temporary = ownTmpdir();
  const load = () => loadConfig({ cwd: tmpdir(), env: ours, configFile });
  const document = await doctor({ load, emit: () => {}, signal, env: ours });
  expect(diff(before, snapshot(registry.root, { ignoreState: false }))).toEqual([]);
  expect(temporary.left()).toEqual([]);
  const started = (await children()).filter(({ argv }) => argv.some((word) => word.startsWith(tmpdir())));
  expect(started).toEqual([]);
  return document;
}

export function checkOf(document: DoctorDocument, id: CheckId): DoctorCheck {
  return document.checks.find((check) => check.id === id) ?? expect.fail(`no check ${id}`);
}

/** Which checks have a fault, and all that the faults say. */
export function faultsOf(document: DoctorDocument): {
  readonly ids: readonly CheckId[];
  readonly text: string;
} {
  const faulty = document.checks.filter(({ outcome }) => outcome === 'fault');
  const findings = faulty.flatMap((check) => check.findings.filter(({ severity }) => severity === 'fault'));
  const text = findings.flatMap((finding) => [finding.text, ...finding.details, ...finding.cure]).join('\n');
  return { ids: faulty.map(({ id }) => id), text };
}
