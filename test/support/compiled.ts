import { join } from 'node:path';

/** NODE_COMPILE_CACHE of a program that is started again and again: half of its start. */
export const compiled = join(import.meta.dirname, '../../node_modules/.cache/driver');
