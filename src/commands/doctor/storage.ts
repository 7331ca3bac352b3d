import type { StorageRootHint } from '../../config/legacy.ts';
import type { Config } from '../../config/schema.ts';
import type { RegistryState } from '../../runtime/runtime.ts';
import type { Storage } from '../../storage/storage.ts';
import { checkHint, type Ground, inspectRoot, refuseWrongMount } from '../look.ts';
import { askRights } from '../rights.ts';
import { refuseOtherStorage } from '../same-storage.ts';
import { openClient, openRegistryStorage } from '../session.ts';
import type { Heard } from './address.ts';
import { tellFindings } from './registry.ts';
import type { Sheet } from './sheet.ts';

export interface Stored {
  readonly storage: Storage;
  readonly ground: Ground;
}

/** Opens the storage, for reading only, and looks whether it is the registry's. Undefined: it is not, or not known. */
export function lookAtStorage(
  options: {
    readonly config: Config;
    readonly state: RegistryState;
    readonly hint: StorageRootHint | undefined;
    readonly heard: Heard | undefined;
    readonly signal: AbortSignal;
  },
  sheet: Sheet,
): Promise<Stored | undefined> {
  const { config, state, hint, heard, signal } = options;
  return sheet.check('storage', async (notes) => {
    tellFindings('storage', state, notes);
    if (state.root === '') {
      notes.skip('where it is is not known');
      return undefined;
    }
    notes.seen(state.root);
    await notes.attempt(() => checkHint(hint, state));
    const storage = await openRegistryStorage(state, true);
    const ground = await inspectRoot(storage);
    if (ground.kind === 'empty') {
      notes.seen(`${state.root}, which is empty`);
      refuseWrongMount(storage, heard?.repositories);
    } else if (heard?.repositories !== undefined) {
      const { reach, repositories } = heard;
      const open = (bounded: AbortSignal) => openClient(config, reach, bounded);
      const compared = await notes.attempt(() =>
        refuseOtherStorage({ open, reader: storage, repositories, signal }),
      );
      const { same, untold } = compared ?? { same: 0, untold: 0 };
      if (same > 0) notes.seen(`${state.root}, whose tags are those of the live registry`);
      else if (untold > 0)
        notes.notice(
          'The live registry tells nothing of its tags that could be compared: only its configuration says that this is its storage.',
        );
    }
    return { storage, ground };
  });
}

/** Asks whether we may do what a run does. */
export async function lookAtRights(
  state: RegistryState,
  options: { readonly stateDirectory: string; readonly env: NodeJS.ProcessEnv },
  sheet: Sheet,
): Promise<void> {
  await sheet.check('rights', async (notes) => {
    if (state.root === '') return notes.skip('where the storage is is not known');
    const { reasons } = await askRights(state, { ...options, writes: true });
    if (reasons.length === 0) notes.seen('a run may read and remove what it must');
    else notes.fault(6, 'A run may not do all that it must.', [], reasons);
  });
}
