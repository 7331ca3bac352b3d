import { resolve } from 'node:path';
import { type Key, type Node, root } from './keys.ts';
import { isTree, type Tree } from './tree.ts';

/**
 * A copy of `value` in which relative paths have become absolute, seen from the directory `base`, and in which a
 * section without any key (`untagged:` and nothing below it, which YAML reads as null) is an empty section.
 * What does not fit the schema is copied as it is.
 */
export function settle(value: unknown, base: string): unknown {
  return settleNode(root, value, base);
}

function settleNode(node: Node, value: unknown, base: string): unknown {
  if (node.kind === 'key') return settleKey(node, value, base);
  if (value === null) return {};
  if (!isTree(value)) return value;
  const copy: Tree = { ...value };
  for (const child of node.children) {
    if (Object.hasOwn(copy, child.name)) copy[child.name] = settleNode(child, copy[child.name], base);
  }
  return copy;
}

function settleKey(key: Key, value: unknown, base: string): unknown {
  if (key.resolve === 'path') return absolute(value, base);
  if (key.resolve === 'program') return program(value, base);
  if (key.resolve !== 'argv' || !isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, argv]) => [
      name,
      Array.isArray(argv) ? argv.map((word, index) => (index === 0 ? program(word, base) : word)) : argv,
    ]),
  );
}

function absolute(value: unknown, base: string): unknown {
  return typeof value === 'string' && value !== '' ? resolve(base, value) : value;
}

/** As in a shell: a name without a slash is looked up on the PATH. */
function program(value: unknown, base: string): unknown {
  return typeof value === 'string' && value.includes('/') ? resolve(base, value) : value;
}
