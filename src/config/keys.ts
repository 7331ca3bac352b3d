import { z } from 'zod';
import { schema } from './schema.ts';

/** How a relative path in a value is made absolute: a path, a program (only if it has a slash), the program of an argv. */
type Resolve = 'path' | 'program' | 'argv';

interface Described {
  readonly name: string;
  /** Dotted, from the top: `untagged.keepWithin`. */
  readonly path: string;
  readonly description: string;
}

export interface Section extends Described {
  readonly kind: 'section';
  readonly children: readonly Node[];
}

export interface Key extends Described {
  readonly kind: 'key';
  /** The schema without default and wrappers. */
  readonly type: z.core.$ZodType;
  /** The default as it would be written; undefined: none. */
  readonly preset: unknown;
  readonly example: unknown;
  readonly secret: boolean;
  readonly resolve: Resolve | undefined;
  /** `CLEANUP_UNTAGGED_KEEP_WITHIN` */
  readonly environment: string;
  /** Keys within a value that may be an object of several forms (`registry.live.unit`); set by environment only. */
  readonly parts: readonly Part[];
}

interface Part {
  readonly name: string;
  readonly type: z.core.$ZodType;
  readonly environment: string;
}

export type Node = Section | Key;

/** The schema as a tree to walk. */
export const root = sectionOf('', '', schema, '');

/** Every key, in the schema's order. */
export const keys: readonly Key[] = keysBelow(root);

function keysBelow(section: Section): readonly Key[] {
  return section.children.flatMap((child) => (child.kind === 'key' ? [child] : keysBelow(child)));
}

function nodeOf(name: string, path: string, wrapped: z.core.$ZodType): Node {
  const { type, preset } = unwrap(wrapped);
  const meta = z.globalRegistry.get(wrapped);
  const description = meta?.description ?? '';
  if (type instanceof z.ZodObject) return sectionOf(name, path, type, description);
  return {
    kind: 'key',
    name,
    path,
    description,
    type,
    preset,
    example: meta?.example,
    secret: meta?.secret === true,
    resolve: resolveOf(meta?.resolve),
    environment: environmentName(path),
    parts: partsOf(path, type),
  };
}

function sectionOf(name: string, path: string, type: z.ZodObject, description: string): Section {
  const children = Object.entries(type.shape).map(([child, childType]) =>
    nodeOf(child, path === '' ? child : `${path}.${child}`, childType),
  );
  return { kind: 'section', name, path, description, children };
}

function partsOf(path: string, type: z.core.$ZodType): readonly Part[] {
  if (!(type instanceof z.ZodUnion)) return [];
  return type.options
    .filter((option) => option instanceof z.ZodObject)
    .flatMap((option) => Object.entries(option.shape))
    .map(([name, part]) => ({
      name,
      type: unwrap(part).type,
      environment: environmentName(`${path}.${name}`),
    }));
}

function unwrap(wrapped: z.core.$ZodType): { readonly type: z.core.$ZodType; readonly preset: unknown } {
  let type = wrapped;
  let preset: unknown;
  while (type instanceof z.ZodPrefault || type instanceof z.ZodOptional || type instanceof z.ZodReadonly) {
    if (type instanceof z.ZodPrefault) preset = type.def.defaultValue;
    type = type.unwrap();
  }
  return { type, preset };
}

function resolveOf(value: unknown): Resolve | undefined {
  return value === 'path' || value === 'program' || value === 'argv' ? value : undefined;
}

/** `registry.stopTimeout` → `CLEANUP_REGISTRY_STOP_TIMEOUT` */
function environmentName(path: string): string {
  return `CLEANUP_${path.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase()}`;
}
