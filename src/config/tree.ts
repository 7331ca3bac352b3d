/** A value as it was written: by hand, in a file, not yet believed. */
export type Tree = { [key: string]: unknown };

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a dotted path; undefined where anything on the way is missing. Own keys only. */
export function valueAt(tree: unknown, path: string): unknown {
  let value = tree;
  for (const name of path.split('.')) {
    if (!isTree(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** Sets the value at a dotted path, making the sections on the way. Paths come from the schema, never from outside. */
export function setAt(tree: Tree, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? path;
  let section = tree;
  for (const name of names) {
    const next = Object.hasOwn(section, name) ? section[name] : undefined;
    if (isTree(next)) {
      section = next;
    } else {
      const made: Tree = {};
      section[name] = made;
      section = made;
    }
  }
  section[last] = value;
}
