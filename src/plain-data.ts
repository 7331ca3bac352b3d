/** Whether it is an object that can be gone through: an array, or a list that is made as it is asked for. */
export function isList(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

/**
 * A copy of plain data (as JSON knows it; of a list that is no array, one that copies what is asked for, every time) in
 * which `map` has made every text. `hide`: what stands in the place of all that is at a key of that name, if anything does.
 */
export function mapTexts(
  value: unknown,
  map: (text: string) => string,
  hide: (key: string) => string | undefined = () => undefined,
): unknown {
  const copy = (inner: unknown): unknown => mapTexts(inner, map, hide);
  if (typeof value === 'string') return map(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copy);
  if (isList(value)) return copied(value, copy);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const hidden = inner === undefined || inner === null ? undefined : hide(key);
      return [key, hidden ?? copy(inner)];
    }),
  );
}

function copied(items: Iterable<unknown>, copy: (item: unknown) => unknown): Iterable<unknown> {
  return {
    *[Symbol.iterator]() {
      for (const item of items) yield copy(item);
    },
  };
}
