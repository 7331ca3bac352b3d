import { rmdirSync, unlinkSync } from 'node:fs';
import { behindSymlink, type Removable } from '../removal.ts';
import { type Root, typeOf, type Way } from './root.ts';

/** What is below `root`, to be removed. The ways to keys are kept for one call: within it only we change what leads there. */
export function removableBelow(root: Root, breath?: () => Promise<void> | undefined): Removable {
  const known = new Map<string, Way>();
  return {
    look(key) {
      const way = root.wayTo(key, 'remove', known);
      if (typeof way === 'object') return { closed: behindSymlink(root.locate(way.symlink)) };
      const stats = way === 'open' ? root.lstat(key, 'remove') : undefined;
      return stats === undefined ? undefined : typeOf(stats);
    },
    unlink: (key) => unlinkSync(root.pathOf(key)),
    rmdir: (key) => rmdirSync(root.pathOf(key)),
    breath,
  };
}
