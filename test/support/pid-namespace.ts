import { execFileSync } from 'node:child_process';

const ways = [
  ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'],
  ['unshare', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'],
] as const;

/**
 * What to put before a program that shall see no processes but its own, while they are all seen from here. Undefined
 * where this machine does not let us. What it started ends with it.
 */
export function pidNamespace(): readonly string[] | undefined {
  return ways.find(([program, ...args]) => {
    try {
      execFileSync(program, [...args, 'true'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}
