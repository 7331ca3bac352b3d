/*
 * Preloaded into the program (`NODE_OPTIONS=--import …`): stops it, as SIGSTOP does, when it begins the step that
 * STOP_AT names, as its line on stderr tells.
 */
const { STOP_AT = '' } = process.env;
let stopped = STOP_AT === '';

process.stderr.write = new Proxy(process.stderr.write, {
  apply(target, self, args: readonly unknown[]) {
    const written = Reflect.apply(target, self, args);
    if (!stopped && String(args[0]).startsWith(`[${STOP_AT}] `)) {
      stopped = true;
      process.kill(process.pid, 'SIGSTOP');
    }
    return written;
  },
});
