import { describe, expect, it } from 'vitest';
import { kinds } from '../../../src/plan/kinds.ts';

/**
 * Every kind, decided on purpose: how bad it is where a tag needs it, where none does, with the native collector, and
 * whether its repository can be left alone because of it. `as` and `no`: as with the registry's own, it cannot.
 */
const table = `
  tag-without-revision  error     error     as       isolates
  tag-through-layers    error     error     as       isolates
  manifest-missing      error     error     as       isolates
  manifest-damaged      error     obstacle  as       isolates
  manifest-invalid      obstacle  obstacle  as       isolates
  manifest-unknown      obstacle  obstacle  as       isolates
  blob-missing          error     error     as       isolates
  blob-size             error     error     as       isolates
  wrong-descriptor      warning   warning   as       no
  blob-corrupt          error     warning   as       no
  blob-unreadable       error     warning   as       no
  layer-link-missing    error     error     as       isolates
  sparse-index          warning   warning   as       no
  malformed-link        error     obstacle  as       isolates
  link-mismatch         error     obstacle  as       isolates
  misplaced             obstacle  obstacle  warning  no
  invalid-repository    obstacle  obstacle  as       no
  symlink               obstacle  obstacle  as       no
  special               error     obstacle  as       isolates
  no-layers-directory   obstacle  obstacle  none     no
  half-a-storage        error     error     as       no
  no-tags               obstacle  obstacle  as       no
  other-algorithm       obstacle  obstacle  none     no
  schema1               obstacle  obstacle  none     no
  stray                 warning   warning   as       no
  temporary             warning   warning   as       no
  tag-without-current   warning   warning   as       no
  malformed-history     warning   warning   as       no
  orphan-revisions      warning   warning   as       no
  orphan-layer-links    warning   warning   as       no
  run-left-open         warning   warning   as       no
`;

describe('the kinds of findings', () => {
  it('are as bad as was decided, each for each collector', () => {
    const rows = Object.entries(kinds).map(([kind, { severity, untagged, native, isolates }]) =>
      [kind, severity, untagged ?? severity, native ?? 'as', isolates ? 'isolates' : 'no'].join(' '),
    );
    const decided = table.trim().split('\n');
    expect(rows).toEqual(decided.map((row) => row.trim().replace(/ +/g, ' ')));
  });
});
