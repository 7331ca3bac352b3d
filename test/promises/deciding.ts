import type { Break } from './break.ts';

const reachability = 'src/plan/reachability.ts';
const never = (condition: string): readonly [string, string] => [
  condition,
  condition.replace('if (', 'if (false && '),
];

/** What stays and what goes. */
export const deciding: readonly Break[] = [
  {
    promise: 'an index keeps its children',
    file: reachability,
    edits: [["if (inventory.hasRevision(repository, child)) keep(child, 'child');", 'void child;']],
    seenBy: ['unit/plan/reachability', 'unit/plan/property'],
  },
  {
    promise: 'what stays keeps its referrers',
    file: reachability,
    edits: [["for (const referrer of referrers.get(id) ?? []) keep(referrer, 'referrer');", '']],
    seenBy: ['unit/plan/reachability', 'unit/plan/property'],
  },
  {
    promise: 'what is protected stays',
    file: reachability,
    edits: [["if (listed.has(id)) keep(id, 'protected');", '']],
    seenBy: ['unit/plan/reachability', 'unit/plan/property'],
  },
  {
    promise: 'what is young, or of unknown age, stays',
    file: reachability,
    edits: [['return time === undefined || time > now || now - time < keepWithin;', 'return false;']],
    seenBy: ['unit/plan/reachability', 'unit/plan/property'],
  },
  {
    promise: 'what cannot be read stays',
    file: reachability,
    edits: [["if (state === 'damaged' || state === 'unknown') keep(id, 'unreadable');", '']],
    seenBy: ['unit/plan/reachability'],
  },
  {
    promise: 'only what both looks let go is removed',
    file: reachability,
    edits: [['} else if (mayGo?.(id) === false) {', '} else if (mayGo === undefined && false) {']],
    seenBy: ['unit/plan/property'],
  },
  {
    promise: "a repository's last layer link stays",
    file: 'src/plan/dead-links.ts',
    edits: [['const isLast = alive === 0 &&', 'const isLast = false && alive === 0 &&']],
    seenBy: ['unit/plan/dead-links'],
  },
  {
    promise: 'layers that are children of an index keep their links',
    file: 'src/plan/dead-links.ts',
    edits: [['for (const child of manifest.children) name(child);', '']],
    seenBy: ['unit/plan/dead-links'],
  },
  {
    promise: 'what the collector would fail on, or sweep, is refused',
    file: 'src/plan/guards.ts',
    edits: [['return guards.flatMap((guard) => guard(context));', 'return [];']],
    seenBy: ['unit/plan/guards', 'unit/fuzz/damaged-registry'],
  },
  {
    promise: '--delete-untagged is not passed where it would hurt',
    file: 'src/commands/collect-registry.ts',
    edits: [
      ['const deleteUntagged = flag.value && applied.left.length === 0;', 'const deleteUntagged = true;'],
    ],
    seenBy: ['integration/collector-disobeys'],
  },
  {
    promise: 'a link is a digest to the letter',
    file: 'src/inventory/read-link.ts',
    edits: [['return parseDigest(text) ??', 'return parseDigest(text.trim()) ??']],
    seenBy: ['unit/fuzz/storage'],
  },
  {
    promise: 'a manifest whose bytes are not those of its digest is not read',
    file: 'src/inventory/read-manifest.ts',
    edits: [never('if (why !== undefined) ')],
    seenBy: ['unit/fuzz/manifest', 'unit/inventory/read'],
  },
  {
    promise: 'a manifest that readers read differently is damaged',
    file: 'src/registry/manifest-json.ts',
    edits: [
      ["if (memberCount(value) !== seen.members) return { why: 'a key occurs twice in one object' };", ''],
    ],
    seenBy: ['unit/registry/manifest-json'],
  },
  {
    promise: "a half line of the collector's is no line of it",
    file: 'src/registry/collector-output.ts',
    edits: [
      [
        "return (kind === 'marking-manifest') === (space === ' ') ? { kind, repository, digest } : undefined;",
        'return { kind, repository, digest };',
      ],
    ],
    seenBy: ['unit/registry/collector-output', 'unit/fuzz/lines'],
  },
  {
    promise: 'a dry run can remove nothing',
    file: 'src/storage/readonly.ts',
    edits: [
      [
        "throw problem('STORAGE_READ_ONLY', { deed: 'remove', path: reader.locate(keys[0] ?? '') });",
        'return [];',
      ],
    ],
    seenBy: ['contracts/storage.readonly'],
  },
  {
    promise: 'a dry run writes nothing',
    file: 'src/commands/maintain.ts',
    edits: [['const held = dryRun ? undefined : await lock(', 'const held = await lock(']],
    seenBy: ['integration/dry-run'],
  },
];
