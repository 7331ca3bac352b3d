import type { Screen } from '../../../src/screen.ts';

/** A terminal of endless height that understands what a drawing sends, and keeps everything that was sent. */
export interface FakeTerminal extends Screen {
  columns: number;
  /** What was written, raw. */
  readonly sent: string;
  /** What stands on the screen, without colours. */
  readonly lines: string[];
  readonly cursorShown: boolean;
  /** Has the stream fail, as when its reader has gone away. */
  fail(error: Error): void;
}

const sequence = new RegExp(`${String.fromCharCode(27)}\\[(\\??)([\\d;]*)([A-Za-z])`, 'y');

export function fakeTerminal(columns = 80, rows = 1000): FakeTerminal {
  const screen: string[][] = [[]];
  const listeners: ((error: Error) => void)[] = [];
  let [row, column, sent, cursorShown] = [0, 0, '', true];
  const current = (): string[] => {
    while (screen.length <= row) screen.push([]);
    return screen[row] ?? [];
  };
  function control(priv: string, argument: string, letter: string): void {
    const amount = Number(argument || '1');
    if (priv === '?') {
      if (argument === '25') cursorShown = letter === 'h';
    } else if (letter === 'A') row = Math.max(0, row - amount);
    else if (letter === 'B') row += amount;
    else if (letter === 'G') column = amount - 1;
    else if (letter === 'K') current().splice(argument === '2' ? 0 : column);
    else if (letter !== 'm') throw new Error(`unknown sequence ${priv}${argument}${letter}`);
  }
  function put(character: string): void {
    if (character === '\n') [row, column] = [row + 1, 0];
    else if (character < ' ') throw new Error(`control character ${JSON.stringify(character)}`);
    else {
      if (column >= terminal.columns) throw new Error(`wider than the terminal: ${current().join('')}`);
      current()[column++] = character;
    }
  }
  const terminal = {
    isTTY: true,
    columns,
    rows,
    write(text: string) {
      sent += text;
      for (let at = 0; at < text.length; ) {
        sequence.lastIndex = at;
        const [whole, priv = '', argument = '', letter = ''] = sequence.exec(text) ?? [];
        if (whole !== undefined) control(priv, argument, letter);
        else put(text[at] ?? '');
        at += whole?.length ?? 1;
      }
      current();
      return true;
    },
    on(_: 'error', listener: (error: Error) => void) {
      listeners.push(listener);
    },
    fail(error: Error) {
      if (listeners.length === 0) throw error;
      for (const listener of listeners) listener(error);
    },
    get sent() {
      return sent;
    },
    get lines() {
      const lines = screen.map((cells) => Array.from(cells, (cell) => cell ?? ' ').join(''));
      return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
    },
    get cursorShown() {
      return cursorShown;
    },
  };
  return terminal;
}
