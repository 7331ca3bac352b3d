import { readFileSync } from 'node:fs';
import type { Who } from '../rights.ts';

/** Numbers of capabilities (linux/capability.h). */
const dacOverride = 1n;
const fowner = 3n;

/** Our real user, and what its effective capabilities let it do all the same. */
export function whoWeAre(): Who {
  const capabilities = effective(readFileSync('/proc/self/status', 'latin1'));
  const has = (number: bigint): boolean => ((capabilities >> number) & 1n) === 1n;
  return {
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    overridesRights: has(dacOverride),
    overridesSticky: has(fowner),
  };
}

function effective(status: string): bigint {
  return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
}
