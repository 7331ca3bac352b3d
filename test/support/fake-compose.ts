import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { signal } from './processes.ts';
import { type Ended, temporaryDirectory } from './program.ts';

export const nightly = resolve(import.meta.dirname, '../../scripts/nightly');

/** An engine that knows one container, whose status and exit code are in `state`; none where there is no such file. */
const fakeDocker = `#!/bin/sh
[ "$1" != compose ] || { shift; [ -e "$FAKE/v2" ] || exit 1; exec "$FAKE/compose" v2 "$@"; }
[ ! -e "$FAKE/down" ] || { echo 'Cannot connect to the Docker daemon' >&2; exit 1; }
case $1 in
ps) [ ! -e "$FAKE/state" ] || echo 0123456789ab ;;
inspect) cat "$FAKE/state" ;;
logs) cat "$FAKE/output" ;;
kill) grep -q running "$FAKE/state" && echo "$3" >>"$FAKE/signals" && kill -s "$3" "$(cat "$FAKE/pid")" ;;
rm) rm "$FAKE/state" ;;
*) exit 64 ;;
esac
`;

/** Compose: notes how it was called, and runs the file `cleaner` as the container that is told to the engine. */
const fakeCompose = `#!/bin/sh
version=$1; shift
[ "$1" != version ] || exit 0
printf '%s\\n' "$version" "$@" >"$FAKE/arguments"
printf '%s\\n' "PWD=$(pwd)" "PATH=$PATH" "HOME=$HOME" >"$FAKE/surroundings"
[ ! -e "$FAKE/before" ] || . "$FAKE/before"
echo 'running 0' >"$FAKE/state"
# In the background a shell ignores SIGINT, and so would all that it starts. A container does not.
{ env --default-signal=INT sh "$FAKE/cleaner"; code=$?; echo "exited $code" >"$FAKE/state.new"; mv "$FAKE/state.new" "$FAKE/state"; exit $code; } &
wrapper=$!
[ ! -e "$FAKE/cut" ] || { echo 'the connection broke'; exit 247; }
wait $wrapper
code=$?
# As docker-compose 1.29 does.
[ $code = 0 ] || echo $code
exit $code
`;

export interface Night extends Disposable {
  readonly path: string;
  readonly log: string;
  /** Writes a file that the fakes look at. */
  set(name: 'v2' | 'down' | 'state' | 'before' | 'cut' | 'output' | 'go', text?: string): void;
  /** What the cleaner does: a shell script. `ready` in it says that it has come so far. */
  cleaner(script: string): void;
  /** What the fakes noted, line by line. */
  noted(name: 'arguments' | 'surroundings' | 'signals'): readonly string[];
  /** Runs scripts/nightly as cron does. Its log is `log`. */
  run(options?: NightOptions): Promise<Ended>;
  /** Sends a signal to the scripts/nightly that runs. */
  interrupt(name: NodeJS.Signals): void;
  /** Returns once the cleaner says that it is ready. */
  ready(run: Promise<Ended>): Promise<void>;
}

export interface NightOptions {
  readonly args?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly script?: string;
}

/** A night in a directory of its own: a project, a log, and a PATH on which Docker and Compose are made up. */
export function night(): Night {
  const directory = temporaryDirectory();
  const { path } = directory;
  const bin = join(path, 'bin');
  const project = join(path, 'a project');
  const log = join(path, 'log', 'nightly.log');
  for (const made of [bin, project]) mkdirSync(made);
  const program = (file: string, text: string) => {
    writeFileSync(file, text);
    chmodSync(file, 0o755);
  };
  program(join(bin, 'docker'), fakeDocker);
  program(join(path, 'compose'), fakeCompose);
  program(join(bin, 'docker-compose'), '#!/bin/sh\nexec "$FAKE/compose" v1 "$@"\n');
  const write = (name: string, text: string) => writeFileSync(join(path, name), text);
  write('cleaner', 'echo cleaned');
  const started = new Set<number>();

  return {
    path,
    log,
    set: (name, text = '') => write(name, text),
    cleaner: (script) => write('cleaner', `echo $$ >"$FAKE/pid"\nready() { : >"$FAKE/ready"; }\n${script}\n`),
    noted: (name) => text(join(path, name)).trimEnd().split('\n'),
    run: ({ args = '', env = {}, cwd = '/', script = nightly } = {}) => {
      const command = `exec '${script}' --log '${log}' ${args}`;
      const bare = { HOME: path, LOGNAME: 'somebody', SHELL: '/bin/sh', PATH: `${bin}:/usr/bin:/bin` };
      const child = spawn('/bin/sh', ['-c', command], {
        cwd,
        env: { ...bare, FAKE: path, CLEANUP_PROJECT: project, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        // No terminal, as under cron.
        detached: true,
      });
      const pid = child.pid ?? 0;
      started.add(pid);
      return ended(child).finally(() => started.delete(pid));
    },
    interrupt: (name) => {
      for (const pid of started) signal(pid, name);
    },
    ready: async (run) => {
      let over = false;
      const ends = () => {
        over = true;
      };
      run.then(ends, ends);
      while (!existsSync(join(path, 'ready'))) {
        if (over) throw new Error(`The run ended before the cleaner was ready: ${(await run).stderr}`);
        await sleep(10);
      }
    },
    [Symbol.dispose]: () => {
      // Only a test that failed leaves something at work.
      if (started.size > 0 && existsSync(join(path, 'pid')))
        signal(Number(text(join(path, 'pid'))), 'SIGKILL');
      for (const pid of started) signal(pid, 'SIGKILL');
      directory[Symbol.dispose]();
    },
  };
}

const text = (file: string) => readFileSync(file, 'utf8');

/** How a process that was started with pipes ended, and what it said. */
export function ended(child: ChildProcess): Promise<Ended> {
  return new Promise((done, failed) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', failed);
    child.on('close', (exitCode) => done({ exitCode, stdout, stderr }));
  });
}
