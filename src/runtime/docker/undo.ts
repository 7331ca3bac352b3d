import type { Memo } from '../../deed.ts';
import type { Engine } from '../../engine/engine.ts';
import { failForeignDeed } from '../foreign-deed.ts';
import { endCollector } from './collect.ts';
import { flushFromMemo } from './flush.ts';
import { parseMemo } from './memos.ts';
import { restoreLive } from './restore.ts';
import { ownContainer } from './self.ts';
import { undoCreate, undoServe } from './stand-in.ts';

/** Undoes a deed of an earlier process from its memo. */
export async function undoMemo(engine: Engine, memo: Memo): Promise<void> {
  const known = parseMemo(memo);
  if (known === undefined) failForeignDeed(memo, 'docker');
  switch (known.kind) {
    case 'docker-create':
      return undoCreate(engine, known);
    case 'docker-readonly':
      return undoServe(engine, known);
    case 'docker-flush':
      return flushFromMemo(engine, known);
    case 'docker-collect':
      return endCollector(engine, known);
    case 'docker-stop': {
      const { port, tls, prefix, host } = known;
      const self = await ownContainer(engine);
      return restoreLive(engine, known, { engine, self, port, tls, prefix, host });
    }
  }
}
