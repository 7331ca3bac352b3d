/** An object of the Engine API. What a key holds is not known before it was looked at. */
export type Fields = Readonly<Record<string, unknown>>;

// The engine writes null or leaves keys out where something is empty, differently from version to version, and so do
// engines that only speak its API (Podman). So the readers below give what is empty for whatever does not fit.

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textsOf(value: unknown): readonly string[] {
  return listOf(value).filter((item) => typeof item === 'string');
}

export function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

/** Of an object of texts, such as labels. */
export function textMapOf(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fieldsOf(value)).map(([key, item]) => [key, textOf(item)]));
}

const checks = {
  text: (value: unknown): value is string => typeof value === 'string' && value !== '',
  yesOrNo: (value: unknown): value is boolean => typeof value === 'boolean',
  integer: (value: unknown): value is number => Number.isInteger(value),
  object: isFields,
};

interface Kinds {
  readonly text: string;
  readonly yesOrNo: boolean;
  readonly integer: number;
  readonly object: Fields;
}

/** What must be there, because taking it for empty could be taken for a fact. Throws an Error that names the key. */
export function need<K extends keyof Kinds>(fields: Fields, key: string, kind: K): Kinds[K] {
  const value = fields[key];
  const fits: (value: unknown) => boolean = checks[kind];
  if (!fits(value)) throw new Error(`"${key}" is missing or of another type`);
  return value as Kinds[K];
}
