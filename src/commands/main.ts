import { CommanderError } from 'commander';
import { type ExitCode, problem } from '../errors.ts';
import { createProgram } from './program.ts';
import { tellError } from './tell.ts';

/** What the program is given. Nothing below reads `process` for it. */
export interface Surroundings {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Arguments → command → exit code. The one place where errors are shown. */
export async function main(surroundings: Surroundings): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = createProgram(surroundings, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...surroundings.argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return tellError(error, surroundings);
    // Help and version have been printed.
    if (error.exitCode === 0) return 0;
    return tellError(problem('USAGE', { message: error.message.replace(/^error: /, '') }), surroundings);
  }
}
