/** Tells how a program of bench/ is used, and ends it. `asked`: by --help. */
export function tellUsage(usage: string, asked = false): never {
  (asked ? process.stdout : process.stderr).write(`${usage}\n`);
  process.exit(asked ? 0 : 2);
}
