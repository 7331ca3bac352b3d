import type { Screen } from '../screen.ts';

/** A screen that cannot hurt who writes to it. */
export interface Outlet {
  readonly terminal: boolean;
  /** Now: a terminal may change its size. */
  readonly columns: number;
  readonly rows: number;
  write(text: string): void;
}

/**
 * A reader that went away (`| head`), a terminal that was closed or a full disk behind a redirection ends the drawing,
 * never the run: the registry may be stopped at that moment. There is nobody left to be told.
 */
export function outletOf(screen: Screen, columns?: number): Outlet {
  let broken = false;
  screen.on('error', () => {
    broken = true;
  });
  return {
    terminal: screen.isTTY === true,
    // Some consoles tell 0 columns and rows.
    get columns() {
      return columns ?? (screen.columns || 80);
    },
    get rows() {
      return screen.rows || 24;
    },
    write(text) {
      if (!broken) screen.write(text);
    },
  };
}
