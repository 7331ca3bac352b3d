import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

const cli = resolve(import.meta.dirname, '../../src/cli.ts');

/** What was shown, byte for byte, and how the program ended. */
export interface Shown {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Runs the program without a terminal. */
export function inPipes(args: readonly string[]): Promise<Shown> {
  return show(process.execPath, [cli, ...args]);
}

/** Runs the program in a pseudo-terminal of 100 columns (util-linux's `script`), as a person would. */
export function inTerminal(args: readonly string[]): Promise<Shown> {
  const command = [process.execPath, cli, ...args].map(quoted).join(' ');
  return show('script', ['-qec', `stty cols 100 rows 40; exec ${command}`, '/dev/null']);
}

function show(file: string, args: readonly string[]): Promise<Shown> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'xterm-256color', SHELL: '/bin/sh' };
  const { promise, resolve: done, reject } = Promise.withResolvers<Shown>();
  const options = { cwd: tmpdir(), env, encoding: 'buffer', maxBuffer: 1 << 26 } as const;
  execFile(file, args, options, (error, stdout, stderr) => {
    const exitCode = error === null ? 0 : error.code;
    if (typeof exitCode === 'number') done({ exitCode, stdout, stderr });
    else reject(error);
  });
  return promise;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
