import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';

/** A way to start a program to which a directory is read-only, while it stays writable to everybody else. */
export interface ReadOnlyWay {
  /** For the title of a test. */
  readonly how: string;
  /** Whether the program runs as we do, and may look at our processes. */
  readonly asUs: boolean;
  /** What to put before the program and its arguments. `needed`: a directory with what else it must be able to read. */
  command(directory: string, needed: string): readonly string[];
}

// $1 is the directory. The mount is the child's alone, and ends with it.
const remount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"';
const namespaces = [
  ['unshare', '--mount'],
  ['unshare', '--map-root-user', '--mount'],
];

/** A mount, where we may make one, since rights are no obstacle to root; in a container that may not, another user. */
export function readOnlyWay(): ReadOnlyWay {
  for (const namespace of namespaces) {
    const command = (directory: string) => [...namespace, 'sh', '-c', remount, 'sh', directory];
    if (works([...command(tmpdir()), 'true'])) return { how: 'a read-only mount', asUs: true, command };
  }
  return {
    how: 'the rights of another user (this machine does not let us mount)',
    asUs: false,
    command(_directory, needed) {
      execFileSync('chmod', ['-R', 'a+rX', needed]);
      return ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    },
  };
}

function works([program = '', ...args]: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
