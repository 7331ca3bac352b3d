import { describe, expect, it } from 'vitest';
import { CleanupError } from '../../../src/errors.ts';
import { listenForSignals } from '../../../src/pipeline/signals.ts';

// That real signals come through is the crash tests' business; a test's worker does not get them all.

describe('listening for signals', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 143],
  ] as const)('%s interrupts, with exit code %i', (signal, exitCode) => {
    using interruption = listenForSignals();
    expect(interruption.signal.aborted).toBe(false);
    process.emit(signal);
    expect(interruption.signal.reason).toBeInstanceOf(CleanupError);
    expect(interruption.signal.reason).toMatchObject({ code: 'INTERRUPTED', exitCode });
  });

  it('the first one counts, the rest is told', () => {
    let repeats = 0;
    using interruption = listenForSignals(() => {
      repeats += 1;
    });
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.emit(signal);
    expect(interruption.signal.reason).toMatchObject({ exitCode: 143 });
    expect(repeats).toBe(3);
  });

  it('leaves no listener behind', () => {
    const counts = () =>
      (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => process.listenerCount(signal));
    const before = counts();
    {
      using _interruption = listenForSignals();
      expect(counts()).toEqual(before.map((count) => count + 1));
    }
    expect(counts()).toEqual(before);
  });
});
