import { afterEach, beforeEach, expect } from 'vitest';
import { ownTmpdir } from './process-runtime.ts';

/** Gives every test of the file that calls it an `os.tmpdir()` of its own, and fails those that leave anything in it. */
export function freshTmpdir(): { readonly path: string } {
  let temporary: ReturnType<typeof ownTmpdir> | undefined;
  function current(): ReturnType<typeof ownTmpdir> {
    if (temporary === undefined) throw new Error('only within a test');
    return temporary;
  }
  beforeEach(() => {
    temporary = ownTmpdir();
  });
  afterEach(async () => {
    const left = current().left();
    await current()[Symbol.asyncDispose]();
    temporary = undefined;
    expect(left).toEqual([]);
  });
  return {
    get path() {
      return current().path;
    },
  };
}
