/*
 * Preloaded into the program (`node --import`): holds it, with all that it does, at the moment at which its log gets a
 * line that HALT_AT matches, until the file `go` is in the directory HALT_IN. That it has come there the file `reached`
 * tells. Nothing of the program goes on meanwhile: neither a timer nor an answer that it waits for.
 */
import { existsSync, writeFileSync } from 'node:fs';

const { HALT_AT = '', HALT_IN = '' } = process.env;
const wanted = new RegExp(HALT_AT, 'm');
const clock = new Int32Array(new SharedArrayBuffer(4));
let halted = HALT_AT === '';

function halt(text: string): void {
  if (halted || !wanted.test(text)) return;
  halted = true;
  writeFileSync(`${HALT_IN}/reached`, text);
  while (!existsSync(`${HALT_IN}/go`)) Atomics.wait(clock, 0, 0, 5);
}

process.stderr.write = new Proxy(process.stderr.write, {
  apply(target, self, args: readonly unknown[]) {
    const written = Reflect.apply(target, self, args);
    halt(String(args[0]));
    return written;
  },
});
