import type { z } from 'zod';
import { keys, type Node, root } from './keys.ts';
import { nearest } from './nearest.ts';
import { schema } from './schema.ts';

/**
 * Everything that is wrong with `value` by the schema, one line each: the path, what is wrong, where it was said.
 * Values are never quoted, except a word where one of a few was expected: they could be secrets.
 */
export function schemaProblems(value: unknown, sourceOf: (path: string) => string): readonly string[] {
  const result = schema.safeParse(value, { error: sentence });
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => {
    const path = issue.path.map(String).join('.');
    if (issue.code !== 'unrecognized_keys') return [line(path, issue.message, sourceOf(path))];
    return issue.keys.map((key) => {
      const full = path === '' ? named(key) : `${path}.${named(key)}`;
      return line(full, unknownKey(path, key), sourceOf(path === '' ? key : `${path}.${key}`));
    });
  });
}

/** One problem as it is shown. An empty path is the whole; an empty source goes without saying. */
export function line(path: string, text: string, source = ''): string {
  const sentence = path === '' ? text : `${path}: ${text}`;
  return source === '' ? sentence : `${sentence} (${source})`;
}

/** What zod says by default, in our words. A message that the schema gives itself goes before this. */
function sentence(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === null) return 'has no value: give one, or remove the key';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${nouns[issue.expected] ?? issue.expected}, not ${nounOf(issue.input)}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}${insteadOf(issue.input)}`;
    default:
      return undefined;
  }
}

const nouns: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a section of keys and values',
};

function nounOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'a list';
  return nouns[typeof value] ?? `a ${typeof value}`;
}

function insteadOf(value: unknown): string {
  if (typeof value === 'string' && /^[\w.-]{1,24}$/.test(value)) return `, not ${JSON.stringify(value)}`;
  return typeof value === 'string' ? '' : `, not ${nounOf(value)}`;
}

/** A key as far as it looks like one: `{password:secret}` is a slip that makes a secret a key. */
function named(key: string): string {
  const plain = /^[\w$-]{1,64}/.exec(key)?.[0] ?? '';
  return plain === key ? key : `${plain}…`;
}

function unknownKey(section: string, key: string): string {
  if (['__proto__', 'constructor', 'prototype'].includes(key)) return 'is refused as a key';
  const near = nearest(key, childrenOf(section));
  if (near !== undefined) return `is not a key here; did you mean "${near}"?`;
  const elsewhere = keys.filter((known) => known.name.toLowerCase() === key.toLowerCase());
  if (elsewhere.length === 0) return 'is not a key here';
  return `is not a key here; did you mean ${elsewhere.map((known) => `"${known.path}"`).join(' or ')}?`;
}

function childrenOf(path: string): readonly string[] {
  let node: Node | undefined = root;
  for (const name of path === '' ? [] : path.split('.')) {
    node = node?.kind === 'section' ? node.children.find((child) => child.name === name) : undefined;
  }
  return node?.kind === 'section' ? node.children.map((child) => child.name) : [];
}
