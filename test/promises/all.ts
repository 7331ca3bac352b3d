import type { Break } from './break.ts';
import { closing, deleting } from './closing.ts';
import { deciding } from './deciding.ts';
import { containers, locking, restoring } from './restoring.ts';

export const breaks: readonly Break[] = [
  ...deciding,
  ...closing,
  ...deleting,
  ...restoring,
  ...locking,
  ...containers,
];
