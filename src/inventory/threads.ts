import type { NearStorage } from '../storage/storage.ts';
import { Crew, type CrewOptions } from './near/crew.ts';

/** Threads that one reading leaves to the next: who has read before is fast at once. */
export class Threads implements AsyncDisposable {
  #kept: { readonly key: string; readonly crew: Crew } | undefined;

  /** For one reading at a time. Throws STORAGE_FAILED when there is no such storage. */
  async crew(where: NearStorage, options: CrewOptions): Promise<Crew> {
    const key = JSON.stringify([where, options]);
    if (this.#kept?.key !== key) {
      await this.close();
      this.#kept = { key, crew: await Crew.open(where, options) };
    }
    this.#kept.crew.begin();
    return this.#kept.crew;
  }

  /** Ends them, whatever they do. */
  async close(): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    await kept?.crew.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
