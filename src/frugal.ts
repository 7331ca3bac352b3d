import { setFlagsFromString } from 'node:v8';

/*
 * What a run knows is in typed arrays, which grow with the registry; all else is garbage within moments. Left to itself,
 * the heap grows to several times what is in use before it is looked through, and a run stands beside others on its
 * machine. To be imported before anything else is. Threads that begin later are the same.
 */
setFlagsFromString('--optimize-for-size');
// The old generation may grow by so much, in percent of what was in use, until it is looked through again.
setFlagsFromString('--heap-growing-percent=10');
