import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { writeOut } from '../../../src/commands/write-out.ts';

/** A pipe that takes `10` characters at a time, and what was asked for of what is written to it. */
function scene() {
  const asked: number[] = [];
  function* pieces(): Generator<string> {
    for (let number = 0; number < 5; number++) {
      asked.push(number);
      yield `piece ${number} of 5. `;
    }
  }
  return { stream: new PassThrough({ highWaterMark: 10 }), asked, pieces: pieces() };
}

it('makes no more pieces than are read, and writes all of them', async () => {
  const { stream, asked, pieces } = scene();
  const written = writeOut(stream, pieces);
  await turn();
  expect(asked.length).toBeLessThan(4);
  const text: string[] = [];
  stream.on('data', (data: Buffer) => text.push(String(data)));
  await written;
  await turn();
  expect(text.join('')).toBe('piece 0 of 5. piece 1 of 5. piece 2 of 5. piece 3 of 5. piece 4 of 5. ');
  expect(['drain', 'close', 'error'].map((event) => stream.listenerCount(event))).toEqual(
    ['drain', 'close', 'error'].map((event) => new PassThrough().on('data', () => {}).listenerCount(event)),
  );
});

it.each([
  ['goes away', undefined],
  ['fails', new Error('EPIPE')],
])('ends without a word when the reader %s, and makes no more', async (_how, error) => {
  const { stream, asked, pieces } = scene();
  stream.on('error', () => {});
  const written = writeOut(stream, pieces);
  await turn();
  stream.destroy(error);
  await written;
  expect(asked.length).toBeLessThan(4);
});
