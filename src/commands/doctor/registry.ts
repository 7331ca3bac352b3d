import type { CheckId } from '../../report/doctor-document.ts';
import type { RegistryState } from '../../runtime/runtime.ts';
import type { Notes, Sheet } from './sheet.ts';

/** To which check a text of the runtime belongs: the first that fits; the live registry's own where none does. */
const topics: readonly (readonly [CheckId, RegExp])[] = [
  ['registry', /configuration (?:cannot be read|is not in its container)/],
  ['cache', /Redis/],
  ['version', /knows registry 2 and 3|its --version says|registry's version cannot be asked/],
  ['credentials', /asks for credentials/],
  ['readonly', /configured read-only already/],
  ['writers', /writes there too|may write there|collects there|belongs to run|was made by run/],
  [
    'storage',
    /storage driver|rootdirectory|works on another directory|keeps its data|the storage of|\bmount/i,
  ],
];

const caches: Readonly<Record<RegistryState['cache'], string>> = {
  none: 'the registry keeps none',
  inmemory: "in the registry's memory, which the restart at the end of a run empties",
  redis: 'in Redis, which answers; a run flushes it before the registry starts again',
  other: 'of a kind that the registry does not know, so it keeps none',
};

/** What the runtime found out, check by check. */
export async function tellRegistry(state: RegistryState, sheet: Sheet): Promise<void> {
  await sheet.check('registry', (notes) => {
    const [writer] = state.writers;
    notes.seen(writer === undefined ? 'it does not run' : writer.name);
    tellFindings('registry', state, notes);
  });
  await sheet.check('version', (notes) => {
    if (state.version === '') notes.skip('not known');
    else notes.seen(state.version);
    tellFindings('version', state, notes);
    if (isOld(state)) {
      const text = `Registry ${state.version} is older than 2.7, with which the cleaner was never tried.`;
      notes.notice(text, ['Update it to 2.8 or 3 first.']);
    }
  });
  await sheet.check('cache', (notes) => {
    const failed = state.refusals.some((refusal) => topicOf(refusal) === 'cache');
    notes.seen(failed ? 'in Redis' : caches[state.cache]);
    tellFindings('cache', state, notes);
  });
  await sheet.check('writers', (notes) => {
    if (state.root === '') notes.skip('where the storage is is not known');
    else notes.seen('none');
    tellFindings('writers', state, notes);
  });
}

/** Writes down what the runtime had to say of the matter of check `id`, so that the checks together tell all of it. */
export function tellFindings(id: CheckId, state: RegistryState, notes: Notes): void {
  for (const refusal of state.refusals) if (topicOf(refusal) === id) notes.fault(6, refusal);
  for (const warning of state.warnings) if (topicOf(warning) === id) notes.notice(warning);
}

function topicOf(text: string): CheckId {
  return topics.find(([, pattern]) => pattern.test(text))?.[0] ?? 'registry';
}

function isOld({ version, major }: RegistryState): boolean {
  const minor = Number(version.split('.')[1]);
  return major === 1 || (major === 2 && minor < 7);
}
