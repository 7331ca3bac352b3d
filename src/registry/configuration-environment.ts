import { ConfigurationError, readYamlValue } from './configuration-yaml.ts';

/** A section of maps of anything (`storage`, `auth`): section → name → parameter → value. */
export type Sections = Record<string, Record<string, unknown> | null>;

/** Maps that an environment variable made: unlike those from YAML, later variables reach into them. */
type Made = WeakSet<object>;

/**
 * The variables that set something below `section`, as [path in upper case, value], in the order in which the registry
 * applies them: by name, so that `REGISTRY_STORAGE` comes before `REGISTRY_STORAGE_FILESYSTEM` (configuration/parser.go
 * of distribution 2.8 and 3.1).
 */
export function overridesOf(
  section: string,
  env: Readonly<Record<string, string | undefined>>,
): readonly { readonly name: string; readonly path: readonly string[]; readonly value: string }[] {
  const prefix = `REGISTRY_${section.toUpperCase()}`;
  return Object.keys(env)
    .filter((name) => name === prefix || name.startsWith(`${prefix}_`))
    .sort()
    .map((name) => ({ name, path: name.split('_').slice(2), value: env[name] ?? '' }));
}

/**
 * `section` of the YAML with the environment applied, with the registry's own peculiarities: a value below a map that
 * came from YAML is ignored below the second level (`REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED`), because the
 * registry finds keys there that are not strings. Throws ConfigurationError where the registry would not start.
 */
export function overrideSections(
  section: string,
  fromYaml: unknown,
  env: Readonly<Record<string, string | undefined>>,
): Sections {
  const made: Made = new WeakSet();
  let sections = asSections(section, fromYaml);
  for (const { name, path, value } of overridesOf(section, env)) {
    const [key, ...below] = path;
    if (key === undefined) sections = asSections(name, readValue(name, value));
    else overrideSection(sections, name, [key, ...below], value, made);
  }
  return sections;
}

/** A value for a text (`http.addr`): the scalar as it is written. */
export function overriddenText(name: string, value: string): string {
  const text = readText(name, value);
  if (text === null) return '';
  if (typeof text !== 'string') throw new ConfigurationError(`${name} is not a text`);
  return text;
}

function overrideSection(
  sections: Sections,
  name: string,
  path: readonly [string, ...string[]],
  value: string,
  made: Made,
): void {
  const [key, ...below] = path;
  if (below.length === 0) {
    sections[key.toLowerCase()] = asParameters(name, readValue(name, value)) ?? {};
    return;
  }
  const existing = Object.keys(sections).find((known) => known.toUpperCase() === key);
  const found = existing === undefined ? null : sections[existing];
  const parameters = found ?? {};
  if (found === null || found === undefined) sections[key.toLowerCase()] = parameters;
  overrideParameter(parameters, name, below, value, made);
}

function overrideParameter(
  parameters: Record<string, unknown>,
  name: string,
  path: readonly string[],
  value: string,
  made: Made,
): void {
  const [key = '', ...below] = path;
  if (below.length === 0) {
    parameters[key.toLowerCase()] = readValue(name, value);
    return;
  }
  const existing = Object.keys(parameters).find((known) => known.toUpperCase() === key);
  const found = existing === undefined ? undefined : parameters[existing];
  if (found === undefined || found === null) {
    const child: Record<string, unknown> = {};
    made.add(child);
    parameters[key.toLowerCase()] = child;
    overrideParameter(child, name, below, value, made);
  } else if (typeof found === 'object' && made.has(found)) {
    overrideParameter(found as Record<string, unknown>, name, below, value, made);
  }
}

function asSections(name: string, value: unknown): Sections {
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object') return { [String(value)]: {} };
  if (Array.isArray(value)) throw new ConfigurationError(`${name} is not a map`);
  return Object.fromEntries(
    Object.entries(value).map(([key, parameters]) => [key, asParameters(`${name}.${key}`, parameters)]),
  );
}

function asParameters(name: string, value: unknown): Record<string, unknown> | null {
  if (value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value)) throw new ConfigurationError(`${name} is not a map`);
  return value as Record<string, unknown>;
}

function readValue(name: string, value: string): unknown {
  return named(name, () => readYamlValue(value, 'typed'));
}

function readText(name: string, value: string): unknown {
  return named(name, () => readYamlValue(value, 'text'));
}

function named(name: string, read: () => unknown): unknown {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof ConfigurationError)
      throw new ConfigurationError(`${name}: ${thrown.message}`, { cause: thrown });
    throw thrown;
  }
}
