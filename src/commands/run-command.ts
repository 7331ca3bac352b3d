import { loadConfig } from '../config/load.ts';
import type { UserConfig } from '../config/schema.ts';
import type { ExitCode } from '../errors.ts';
import { createMasker, maskDeep } from '../mask.ts';
import { listenForSignals } from '../pipeline/signals.ts';
import { jsonPieces } from '../report/json.ts';
import { renderReport } from '../report/report.ts';
import { openView } from '../view/open-view.ts';
import type { Surroundings } from './main.ts';
import { pageFor } from './page-for.ts';
import { run } from './run.ts';
import { writeOut } from './write-out.ts';

/** `run` and `plan`: configuration in, report out. */
export async function runCommand(
  command: 'run' | 'plan',
  configFile: string | undefined,
  json: boolean,
  flags: UserConfig,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { cwd, env, stdout, stderr } = surroundings;
  const loaded = await loadConfig({ cwd, env, flags, configFile });
  const mask = createMasker(loaded.secrets);
  const screen = openView({ mode: 'auto', stream: json ? stderr : stdout, env, mask });
  using interruption = listenForSignals(() => {
    screen.emit({ type: 'warning', text: 'still bringing the registry back: please wait' });
  });
  try {
    const document = await run({
      config: loaded.config,
      warnings: loaded.warnings,
      storageRootHint: loaded.storageRootHint,
      command,
      emit: screen.emit,
      signal: interruption.signal,
      env,
    });
    await screen.close();
    await writeOut(
      stdout,
      json
        ? jsonPieces(maskDeep(document, mask))
        : [renderReport(document, { mask, ...pageFor(stdout, env) })],
    );
    return document.exitCode;
  } finally {
    await screen.close();
  }
}
