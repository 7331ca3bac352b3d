import type { StorageFinding } from '../plan/findings.ts';
import { keyOf } from '../registry/layout.ts';
import type { RegistryState } from '../runtime/runtime.ts';
import { shellQuote } from '../runtime/shell-quote.ts';

/**
 * The exact command that cures a finding, where it is right whatever anybody wants: not where something must be pushed
 * or restored first. A manifest goes through the API of a registry that runs, which takes its tags along and knows that
 * it is gone; of one that is stopped, its link is removed.
 */
export function commandFor(
  { kind, severity, path, repository, tag, manifest }: StorageFinding,
  { live, url, auth }: Pick<RegistryState, 'live' | 'url' | 'auth'>,
  locate: (key: string) => string,
): string | null {
  switch (kind) {
    case 'manifest-damaged':
    case 'manifest-invalid':
    case 'manifest-unknown': {
      if (severity !== 'obstacle' || repository === null || manifest === null) return null;
      if (live === 'running' && url !== '') {
        // Without a password, curl asks for it.
        const user = auth === 'none' ? [] : ['-u', 'USER'];
        const address = `${url}/v2/${repository}/manifests/${manifest}`;
        return shellQuote(['curl', '-fsS', ...user, '-X', 'DELETE', address]);
      }
      return tag === null ? shellQuote(['rm', locate(keyOf.revision(repository, manifest))]) : null;
    }
    case 'malformed-link':
    case 'link-mismatch':
      return tag === null ? shellQuote(['rm', locate(path)]) : null;
    case 'no-layers-directory': {
      if (repository === null) return null;
      const directory = locate(path).replace(/\/$/, '');
      const beside = locate(keyOf.manifests(repository)).replace(/\/$/, '');
      return `${shellQuote(['mkdir', directory])} && ${shellQuote(['chown', `--reference=${beside}`, directory])}`;
    }
    default:
      return null;
  }
}
