import { parentPort, workerData } from 'node:worker_threads';
import { CleanupError } from '../../errors.ts';
import { openNear } from '../../storage/open.ts';
import { buffersOf, Findings } from './findings.ts';
import { type Batch, failureOf, type Message, type Orders } from './messages.ts';
import { perform } from './perform.ts';

// A thread of a reading: does what it is sent, one batch after the other, until it is ended.
const { where, thorough, splitAt }: Orders = workerData;

function send(message: Message, buffers: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, buffers);
}

/** What is no failure of the storage is a bug: it ends the thread, and whoever waits for it is told. */
function giveUp(error: unknown): void {
  if (!(error instanceof CleanupError)) throw error;
  send({ kind: 'failed', failure: failureOf(error) });
}

try {
  const near = await openNear(where);
  parentPort?.on('message', (batch: Batch) => {
    try {
      const found = new Findings();
      for (const task of batch) perform({ near, thorough, splitAt, found }, task);
      const answer = found.answer();
      send({ kind: 'answer', answer }, buffersOf(answer));
    } catch (error) {
      giveUp(error);
    }
  });
  send({ kind: 'ready' });
} catch (error) {
  giveUp(error);
}
