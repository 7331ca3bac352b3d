import type { Findings } from '../findings.ts';
import type { Binary } from './binary.ts';
import { missingFrom } from './environment.ts';
import type { ProcessRuntimeOptions } from './options.ts';
import { executableOf, sameFile } from './processes.ts';
import type { RegistryProcess } from './registry-processes.ts';

/** Warns where the live registry is not quite what we would start. */
export async function warnOfDifferences(
  options: ProcessRuntimeOptions,
  writers: readonly RegistryProcess[],
  ours: Readonly<Record<string, string>>,
  binary: Binary | undefined,
  { warnings }: Findings,
): Promise<void> {
  for (const { pid, environment } of writers) {
    const executable = await executableOf(pid);
    if (binary !== undefined && executable !== undefined && !sameFile(executable.stats, binary.stats)) {
      warnings.push(
        `The live registry is ${executable.path}, but ${binary.path} (${binary.version}) will collect. Set registry.binary if that is wrong.`,
      );
    }
    const names = missingFrom(ours, environment ?? {});
    if (names.length > 0 && typeof options.live === 'object' && 'start' in options.live) {
      warnings.push(
        `The live registry has ${names.join(', ')} in its environment. If a run is killed, recovery starts it without: ` +
          'the start command should set what it needs.',
      );
    }
  }
}
