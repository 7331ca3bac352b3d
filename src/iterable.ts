/** Whether it is an object that can be gone through. */
export function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value;
}

/** What `items` has, each made into something else when it is asked for, every time. */
export function mapped<T, U>(items: Iterable<T>, map: (item: T) => U): Iterable<U> {
  return {
    *[Symbol.iterator]() {
      for (const item of items) yield map(item);
    },
  };
}
