import { fileURLToPath } from 'node:url';
import fsExtra from 'fs-extra';

/** Of this program, as its package says. */
export function version(): string {
  const file = fileURLToPath(new URL('../../package.json', import.meta.url));
  return (fsExtra.readJsonSync(file) as { version: string }).version;
}
