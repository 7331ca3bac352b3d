import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { at } from '../../support/layout.ts';
import { absentDigest } from '../../support/memory-registry.ts';

/** Repositories `r0`, `r1` …, each with so many layer links, whose blobs are nowhere. */
export function manyLinks(
  root: string,
  { repositories, links }: { readonly repositories: number; readonly links: number },
): void {
  mkdirSync(join(root, at.blobs), { recursive: true });
  for (let r = 0; r < repositories; r++) {
    for (let l = 0; l < links; l++) {
      const digest = absentDigest(`${l}`);
      const link = join(root, at.layer(`r${r}`, digest));
      mkdirSync(join(link, '..'), { recursive: true });
      writeFileSync(link, digest);
    }
  }
}
