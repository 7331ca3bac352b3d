import { describe, expect, test } from 'vitest';
import { CleanupError, type ErrorText, problem } from '../../../src/errors.ts';
import { renderError } from '../../../src/report/error.ts';

/** With a text of its own: these tests are about how errors look, not about the catalogue's wording. */
function errorOf(text: Partial<ErrorText>): CleanupError {
  return new CleanupError('USAGE', { exitCode: 2, message: 'It is so.', hint: 'Do that.', ...text });
}

describe('renderError', () => {
  test('shows code, exit code, message and hint', () => {
    expect(renderError(errorOf({}))).toMatchInlineSnapshot(`
      "ERROR USAGE (exit code 2)
      It is so.
      Do that.
      "
    `);
  });

  test('shows every problem of a configuration, wrapped under its dash', () => {
    const details = [
      'registry.url: not a URL: "registry:5000". Write http://registry:5000, or https:// where it speaks TLS.',
      'untagged.keepWithin: "1 fortnight" is no duration',
    ];
    expect(renderError(errorOf({ details }))).toMatchInlineSnapshot(`
      "ERROR USAGE (exit code 2)
      It is so.
        - registry.url: not a URL: "registry:5000". Write http://registry:5000, or
          https:// where it speaks TLS.
        - untagged.keepWithin: "1 fortnight" is no duration
      Do that.
      "
    `);
  });

  test('breaks no command, and ends with it', () => {
    const command = `systemctl start ${'very-long-unit-name'.repeat(6)}`;
    const text = renderError(problem('NOT_RESTORED', { reasons: ['stop: it exited with 1'], command }), {
      columns: 60,
    });
    expect(text.endsWith(`Start it by hand, now:\n\n    ${command}\n`)).toBe(true);
  });

  test('makes hidden characters visible, in a command too', () => {
    const text = renderError(
      problem('NOT_RESTORED', { reasons: ['a\x1b[2Jb\nc'], command: 'start \u202egpj' }),
    );
    expect(text).toContain('  - a\\x1b[2Jb\\nc\n');
    expect(text).toContain('    start \\u202egpj\n');
  });

  test('tells what nobody foresaw as a bug, with its trace and its causes', () => {
    const error = new TypeError('x is not a function', { cause: new Error('deeper\x1b') });
    const text = renderError(error);
    expect(text).toContain('ERROR BUG (exit code 1)\nTypeError: x is not a function\n  - at ');
    expect(text).toContain('  - caused by Error: deeper\\x1b\n');
    expect(text.endsWith('This is a bug in registry-cleanup: please report it with the lines above.\n')).toBe(
      true,
    );
  });

  test.each([['a text'], [undefined], [null], [42]])('shows %j when that was thrown', (thrown) => {
    expect(renderError(thrown)).toContain(`Something was thrown: ${String(thrown)}\n`);
  });

  test('shows every error of an aggregate, and survives causes in a circle', () => {
    const circle = new Error('round');
    circle.cause = circle;
    const text = renderError(new AggregateError([new Error('one'), circle], 'both'));
    expect(text).toContain('AggregateError: both');
    expect(text).toContain('caused by Error: one');
    expect(text).toContain('caused by Error: round');
  });

  test('takes secrets out', () => {
    const error = new CleanupError('USAGE', {
      exitCode: 2,
      message: 'hunter2',
      hint: 'hunter2',
      details: ['hunter2'],
    });
    expect(renderError(error, { mask: (text) => text.replaceAll('hunter2', '***') })).not.toContain(
      'hunter2',
    );
  });

  test('alarms in red, but not about an interruption that was asked for', () => {
    expect(renderError(errorOf({}), { color: true })).toContain('\x1b[31m');
    expect(renderError(errorOf({ exitCode: 130 }), { color: true })).not.toContain('\x1b[31m');
  });
});
