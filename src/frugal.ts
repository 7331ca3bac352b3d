import { keepHeapSmall } from './heap.ts';

/* To be imported before anything else is. */
keepHeapSmall();
