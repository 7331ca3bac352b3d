import type { Break } from './break.ts';
import { closing, deleting } from './closing.ts';
import { deciding } from './deciding.ts';
import { containers, locking, restoring } from './restoring.ts';
import { sparing } from './sparing.ts';

export const breaks: readonly Break[] = [
  ...deciding,
  ...sparing,
  ...closing,
  ...deleting,
  ...restoring,
  ...locking,
  ...containers,
];
