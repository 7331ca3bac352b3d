import { describe, expect, it } from 'vitest';
import { problem } from '../../../src/errors.ts';
import { renderRecover } from '../../../src/report/recover.ts';
import type { RecoverDocument } from '../../../src/report/recover-document.ts';

const nothing: RecoverDocument = {
  version: 1,
  command: 'recover',
  outcome: 'nothing-to-do',
  exitCode: 0,
  recovered: [],
  warnings: [],
  error: null,
};
const stop = { run: 'one', step: 'stop', what: 'the live registry runs again' } as const;
const collect = { run: 'one', step: 'collect', what: 'the collector has ended' } as const;

describe('the result of recover', () => {
  it('says that there was nothing to do', () => {
    expect(renderRecover(nothing)).toBe('No run died here: there is nothing to recover.\n');
  });

  it('tells every deed under its run', () => {
    const recovered = [{ ...stop, run: 'two' }, collect, stop];
    expect(renderRecover({ ...nothing, outcome: 'ok', recovered })).toBe(`\
Run two died and left something open:
  - stop: the live registry runs again
Run one died and left something open:
  - collect: the collector has ended
  - stop: the live registry runs again

Everything that was left open is undone.
`);
  });

  it('says so when only a lock was there', () => {
    expect(renderRecover({ ...nothing, outcome: 'ok' })).toContain(
      'Nothing was left open but the lock, which is free again.\n',
    );
  });

  it('ends with the command to run by hand, after what was undone all the same', () => {
    const failed = problem('NOT_RESTORED', { reasons: ['no such unit'], command: 'systemctl start it' });
    const { code, message, hint, details } = failed;
    const text = renderRecover({
      ...nothing,
      outcome: 'not-restored',
      exitCode: 20,
      recovered: [collect],
      warnings: ['a warning'],
      error: { code, message, hint, details },
    });
    expect(text).toContain('  - collect: the collector has ended\n');
    expect(text).toContain('  ! a warning\n');
    expect(text).not.toContain('is undone');
    expect(text.endsWith('\n    systemctl start it\n')).toBe(true);
  });

  it('shows nothing that a terminal would act on, and no secret', () => {
    const recovered = [{ ...stop, run: '\x1b[31mone', what: 'hunter2' }];
    const mask = (text: string) => text.replaceAll('hunter2', '***');
    const text = renderRecover({ ...nothing, outcome: 'ok', recovered }, { mask });
    expect(text).toContain('Run \\x1b[31mone died');
    expect(text).toContain('stop: ***');
  });
});
