import type { Memo } from '../deed.ts';
import { fail } from '../errors.ts';

/** Throws NOT_RESTORED: the deed was done by another runtime, which alone can undo it. */
export function failForeignDeed({ kind }: Memo, asked: 'process' | 'docker'): never {
  const did = /^(process|docker)-/.exec(kind)?.[1];
  if (did === undefined || did === asked) {
    fail('NOT_RESTORED', {
      reasons: [`the journal has a deed (${kind}) that this version does not know: another one did it`],
      command: 'registry-cleanup recover   # of the version that left it',
    });
  }
  fail('NOT_RESTORED', {
    reasons: [`the journal has a deed (${kind}) that the ${asked} runtime never did: it belongs to "${did}"`],
    command: `CLEANUP_REGISTRY_RUNTIME=${did} registry-cleanup recover`,
  });
}
