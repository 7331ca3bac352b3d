import type { Memo } from '../deed.ts';
import { fail } from '../errors.ts';

/** Throws NOT_RESTORED: the deed was done by another runtime, which alone can undo it. */
export function failForeignDeed({ kind }: Memo, asked: 'process' | 'docker'): never {
  const [did = 'process'] = kind.split('-');
  fail('NOT_RESTORED', {
    reasons: [`the journal has a deed (${kind}) that the ${asked} runtime never did: it belongs to "${did}"`],
    command: `CLEANUP_REGISTRY_RUNTIME=${did} registry-cleanup recover`,
  });
}
