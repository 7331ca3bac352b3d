import { chmodSync, writeFileSync } from 'node:fs';

export interface InitScript {
  readonly path: string;
  readonly binary: string;
  readonly configFile: string;
  readonly pidFile: string;
  readonly logFile: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Writes what an operator's init script would be: `start` puts a registry of its own session in the background,
 * `stop` sends SIGTERM and returns at once (it does not wait, so that whoever relies on it has to). Both are
 * content when there is nothing to do. The registry gets exactly `environment`, whoever calls the script.
 */
export function writeInitScript(script: InitScript): void {
  const environment = Object.entries(script.environment).map(([name, value]) => quoted(`${name}=${value}`));
  const text = `#!/bin/sh
set -u
pidfile=${quoted(script.pidFile)}
config=${quoted(script.configFile)}

# The pid alone proves nothing: it may be a zombie's, or somebody else's by now.
alive() {
  [ -s "$pidfile" ] && grep -aqF "$config" "/proc/$(cat "$pidfile")/cmdline" 2>/dev/null
}

case "\${1:-}" in
  start)
    alive && exit 0
    setsid env -i ${environment.join(' ')} ${quoted(script.binary)} serve "$config" \\
      >>${quoted(script.logFile)} 2>&1 </dev/null &
    echo "$!" >"$pidfile"
    ;;
  stop)
    alive || exit 0
    kill -TERM "$(cat "$pidfile")"
    ;;
  *)
    echo "usage: $0 start|stop" >&2
    exit 64
    ;;
esac
`;
  writeFileSync(script.path, text);
  chmodSync(script.path, 0o755);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
