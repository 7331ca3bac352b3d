import type { Container, Engine } from '../../engine/engine.ts';
import { CleanupError } from '../../errors.ts';
import { endsWithin, pause } from '../../pause.ts';
import type { Findings } from '../findings.ts';
import { parseVersion } from '../version.ts';
import { runProbe, type Said } from './probe.ts';

type Version = NonNullable<ReturnType<typeof parseVersion>>;

/** `--version` takes milliseconds. */
const patienceMs = 10_000;
const lookEveryMs = 50;

/**
 * What version the registry is: its own program says so, in the live container or in one from the same image that runs
 * (`others`). If none runs, a container that is made for this and removed at once does, unless nothing may be changed
 * (`mayProbe`). Undefined: nobody knows, which is a refusal, unless something else is refused already.
 */
export async function askVersion(
  engine: Engine,
  look: {
    readonly live: Container;
    readonly others: readonly Container[];
    readonly binary: string;
    readonly mayProbe: boolean;
  },
  { refusals }: Findings,
): Promise<Version | undefined> {
  const { live, others, binary, mayProbe } = look;
  const place = [live, ...others].find((one) => one.imageId === live.imageId && isAwake(one));
  if (place === undefined) {
    // Nothing will be done here, and so nothing is made.
    if (refusals.length > 0) return undefined;
    if (!mayProbe) {
      refusals.push(
        `${live.name}: the registry's version cannot be asked for while it does not run, unless a container is made for that, ` +
          'and a dry run makes none. Start it, or leave --dry-run out.',
      );
      return undefined;
    }
  }
  const argv = [binary, '--version'];
  const said = await saidBy(() =>
    place === undefined ? runProbe(engine, live, argv, patienceMs) : ask(engine, place, argv),
  );
  if ('refusal' in said) {
    refusals.push(`${live.name}: the registry's version cannot be asked for. ${said.refusal}`);
    return undefined;
  }
  const found = parseVersion(said.lines.join('\n'));
  if (found === undefined) {
    refusals.push(
      `${live.name}: ${binary} is no registry, or cannot be run there: its --version says "${said.lines[0] ?? ''}". ` +
        'Let the command of the container name the program before "serve".',
    );
  } else if (found.major !== 2 && found.major !== 3) {
    refusals.push(
      `${live.name} is registry ${found.version}. This version of the cleaner knows registry 2 and 3 only.`,
    );
  }
  return found;
}

function isAwake({ state }: Container): boolean {
  return state.running && !state.paused && !state.restarting;
}

/** That there is no such program the engine says, too: an answer as good as the program's own. */
async function saidBy(run: () => Promise<Said>): Promise<Said | { readonly refusal: string }> {
  try {
    return await run();
  } catch (thrown) {
    if (!(thrown instanceof CleanupError) || thrown.code !== 'ENGINE_ANSWERED') throw thrown;
    if (/OCI runtime|executable file|no such file/i.test(thrown.message))
      return { lines: [thrown.message], exitCode: undefined };
    return { refusal: `${thrown.message} ${thrown.hint}` };
  }
}

async function ask(engine: Engine, { name }: Container, argv: readonly string[]): Promise<Said> {
  const lines: string[] = [];
  const exec = await engine.exec(name, argv, (line) => lines.push(line));
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const { running, exitCode } = await engine.inspectExec(exec.id);
    if (!running) {
      // Its output may be on its way still; what broke that shows in what is missing.
      await endsWithin(exec.output, 1_000);
      return { lines, exitCode };
    }
    if (performance.now() > deadline) return { lines: ['nothing in time'], exitCode: undefined };
    await pause(lookEveryMs);
  }
}
