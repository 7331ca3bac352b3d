import { once } from 'node:events';

/**
 * Writes piece after piece, no faster than they are read. Ends early, and quietly, when nobody reads any more: what a
 * stream fails with is the concern of whoever opened it.
 */
export async function writeOut(stream: NodeJS.WritableStream, pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) {
    if (!stream.writable) return;
    if (stream.write(piece)) continue;
    const read = new AbortController();
    const { signal } = read;
    const events = ['drain', 'close', 'error'].map((event) => once(stream, event, { signal }));
    await Promise.race(events).catch(() => {});
    read.abort();
    await Promise.allSettled(events);
  }
}
