/**
 * The steps of a run, in order, once. Whatever draws, counts, journals or kills steps takes them from here.
 * `dryRun`: whether a dry run takes the step.
 */
export const steps = [
  { id: 'preflight', title: 'Looking at the registry', dryRun: true },
  { id: 'lock', title: 'Taking the lock', dryRun: false },
  { id: 'inventory', title: 'Reading repositories, tags, manifests and blobs', dryRun: true },
  { id: 'plan', title: 'Deciding what goes and what stays', dryRun: true },
  { id: 'drain', title: 'Waiting for uploads in flight', dryRun: false },
  { id: 'stop', title: 'Stopping the live registry', dryRun: false },
  { id: 'readonly', title: 'Starting the read-only stand-in', dryRun: false },
  { id: 'prove', title: 'Proving that nobody can write', dryRun: false },
  { id: 'recheck', title: 'Reading every link again', dryRun: false },
  { id: 'apply', title: 'Removing manifests and layer links', dryRun: false },
  { id: 'rehearse', title: 'Rehearsing the collector', dryRun: false },
  { id: 'collect', title: 'Collecting blobs', dryRun: false },
  { id: 'tidy', title: 'Tidying uploads and empty directories', dryRun: false },
  { id: 'verify', title: 'Verifying what stays', dryRun: false },
  { id: 'restore', title: 'Bringing the registry back', dryRun: false },
  { id: 'verify-live', title: 'Verifying the live registry', dryRun: false },
  { id: 'report', title: 'Reporting', dryRun: false },
] as const satisfies readonly { id: string; title: string; dryRun: boolean }[];

export type StepId = (typeof steps)[number]['id'];

/**
 * Steps whose undo, when it fails, must end the undoing: a live registry beside a running collector loses images. All
 * others are undone even after a failure.
 */
export const mustBeGone: ReadonlySet<StepId> = new Set(['rehearse', 'collect']);

/**
 * Steps that end when the time is up (`limits`), and are not begun after it. The others come to their end: before them a
 * dead run must be recovered in any case, and after them it is proved and put back.
 */
export const timed: ReadonlySet<StepId> = new Set([
  'inventory',
  'plan',
  'drain',
  'stop',
  'readonly',
  'prove',
  'recheck',
  'apply',
  'rehearse',
  'collect',
  'tidy',
]);
