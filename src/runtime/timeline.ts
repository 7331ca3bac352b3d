/** Measures, on a clock that only goes forward, for how long users could not push, and could not pull. */
export interface Timeline {
  /** Right before the live registry is told to stop. */
  closing(): void;
  /** The stand-in has answered for the first time. */
  standInServes(): void;
  /** Right before the stand-in is ended, or when it ends by itself. The first time counts. */
  standInEnds(): void;
  /** The live registry answers again. */
  open(): void;
  window(): { readonly readOnlySeconds: number; readonly unavailableSeconds: number };
}

/**
 * Both figures err on the long side: they begin before the stop command and end after the first answer. Until the
 * registry is open again they grow. A registry that did not run when we came was not made unavailable by us: then
 * `readOnlySeconds` is the life of the stand-in and `unavailableSeconds` is 0.
 */
export function createTimeline(now: () => number = () => performance.now()): Timeline {
  let closed: number | undefined;
  let serves: number | undefined;
  let ends: number | undefined;
  let opened: number | undefined;
  return {
    closing: () => {
      closed ??= now();
    },
    standInServes: () => {
      serves ??= now();
    },
    standInEnds: () => {
      ends ??= now();
    },
    open: () => {
      if (closed !== undefined) opened ??= now();
    },
    window: () => {
      const served = serves === undefined ? 0 : Math.max(0, (ends ?? opened ?? now()) - serves);
      if (closed === undefined) return { readOnlySeconds: served / 1000, unavailableSeconds: 0 };
      const readOnly = (opened ?? now()) - closed;
      return { readOnlySeconds: readOnly / 1000, unavailableSeconds: Math.max(0, readOnly - served) / 1000 };
    },
  };
}
