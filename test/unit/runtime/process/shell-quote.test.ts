import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellQuote } from '../../../../src/runtime/shell-quote.ts';

test('leaves plain words alone', () => {
  expect(shellQuote(['systemctl', 'start', 'docker-registry@1.service'])).toBe(
    'systemctl start docker-registry@1.service',
  );
});

test('a shell reads back what was quoted', () => {
  const word = fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !/\0|\p{Surrogate}/u.test(text));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
      const said = execFileSync('sh', ['-c', `printf '%s\\0' ${shellQuote(words)}`], { encoding: 'utf8' });
      expect(said.split('\0').slice(0, -1)).toEqual(words);
    }),
    { numRuns: 60 },
  );
});
