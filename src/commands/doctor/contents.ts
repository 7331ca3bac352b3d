import { collectorOf } from '../../config/collector.ts';
import type { Config } from '../../config/schema.ts';
import { bytes, counted } from '../../format.ts';
import type { Inventory } from '../../inventory/inventory.ts';
import type { StepContext } from '../../pipeline/pipeline.ts';
import { makePlan } from '../../plan/make-plan.ts';
import type { Plan } from '../../plan/plan.ts';
import { warningsOf } from '../../plan/warnings.ts';
import type { RegistryState } from '../../runtime/runtime.ts';
import { guard, read } from '../look.ts';
import { policyOf } from '../session.ts';
import type { Sheet } from './sheet.ts';
import type { Stored } from './storage.ts';

/** Reads the storage, plans as a run would, and tells what its guards say. Undefined where there is nothing to read. */
export function lookAtContents(
  options: {
    readonly config: Config;
    readonly state: RegistryState;
    readonly stored: Stored | undefined;
    readonly apiRepositories: readonly string[] | undefined;
    readonly context: StepContext;
  },
  sheet: Sheet,
): Promise<Inventory | undefined> {
  const { config, state, stored, apiRepositories, context } = options;
  return sheet.check('contents', async (notes) => {
    if (stored === undefined) {
      notes.skip('the storage cannot be read');
      return undefined;
    }
    const { storage, ground } = stored;
    if (ground.kind === 'empty') {
      notes.seen('the registry is empty: a run has nothing to do');
      return undefined;
    }
    const inventory = await read(storage, context);
    // By our own clock: the storage's is told by what is written to it.
    const plan = makePlan(inventory, policyOf(config, Date.now(), state.major));
    notes.seen(counted(inventory.counts.tags, 'tag'));
    const locate = (key: string): string => storage.locate(key);
    for (const text of warningsOf(inventory, locate, collectorOf(config))) notes.notice(text);
    const [alone] = plan.isolated;
    if (alone !== undefined) {
      const damaged = counted(plan.isolated.size, 'damaged repository');
      notes.notice(`${damaged} would be left alone, such as ${alone}: "check" tells what is wrong there`);
    }
    await notes.attempt(() => {
      guard(plan, { config, state, reader: storage, missing: ground.missing, apiRepositories });
      notes.seen(foretold(plan));
    });
    return inventory;
  });
}

function foretold({ totals, worthwhile }: Plan): string {
  const { tags } = totals.before;
  const { manifests, layerLinks, blobs, bytes: size } = totals.removed;
  const held = counted(tags, 'tag');
  if (!worthwhile) return `${held}, and nothing worth a run to remove`;
  const parts = [counted(manifests, 'manifest'), counted(layerLinks, 'layer link'), counted(blobs, 'blob')];
  return `${held}; ${parts.join(', ')} (${bytes(size)}) would go`;
}
