/**
 * What speaks against `key` as the name of something below a root; undefined for a good one. A key that ends with `/`
 * names a directory. Adapters ask before they touch anything, so that no key leads out of the root, and none that
 * `rawNameKey` made leads to a file of another name.
 */
export function keyProblem(key: string): string | undefined {
  const path = key.endsWith('/') ? key.slice(0, -1) : key;
  if (path.includes('\0')) return 'its name is not valid UTF-8, so it cannot be addressed';
  // Node would replace the surrogate, and address a file of another name.
  if (!path.isWellFormed()) return 'its name is not well-formed Unicode, so it cannot be addressed';
  return strayComponent.test(path) ? 'the key does not name anything below the root' : undefined;
}

/** Matches where a component is '', '.' or '..'. */
const strayComponent = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** As `keyProblem`, for prefixes: '' or a directory's key. */
export function prefixProblem(prefix: string): string | undefined {
  if (prefix === '') return undefined;
  return prefix.endsWith('/') ? keyProblem(prefix) : 'a prefix ends with a slash';
}

/** As `keyProblem`, for keys of files. */
export function fileKeyProblem(key: string): string | undefined {
  return key.endsWith('/') ? 'a directory is no file' : keyProblem(key);
}

/** The directory that `key` lies in: `a/b/c` → `a/b/`, `a/b/` → `a/`, `a` → ''. */
export function parentOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/', key.length - 2) + 1);
}
