import { sha256Bytes } from '../../registry/hex.ts';
import { digestWords } from '../digest-table.ts';
import type { Answer, Contents, RowKind, Section, Task } from './task.ts';

/** An answer while it is being put together. */
export class Findings {
  looked = 0;
  readonly #sections: Section[] = [];
  #words = new Int32Array(0);
  #times = new Float64Array(0);
  #figures = new Float64Array(0);
  #owners = new Int32Array(0);
  #rows = 0;
  /** Bytes of the rows' digests. */
  bytes = new Uint8Array(0);
  readonly tagNames: string[] = [];
  readonly tagsSeen: { readonly repository: number; readonly tag: string }[] = [];
  readonly contents: Contents[] = [];
  readonly irregular: string[] = [];
  readonly empty: string[] = [];
  readonly rest: Task[] = [];

  /** Where in `bytes` the digest of the next row is to be written; it counts once `add` is called. */
  next(): number {
    if (this.#rows === this.#times.length) this.#grow();
    return this.#rows * sha256Bytes;
  }

  /** The words of the digest that was written for the next row. */
  isNext(words: Int32Array): boolean {
    const start = this.#rows * digestWords;
    for (let i = 0; i < digestWords; i++) if (this.#words[start + i] !== words[i]) return false;
    return true;
  }

  /** A row whose digest has been written. `owner`: which of `tagNames`, where it belongs to a tag. */
  add(of: RowKind, repository: number, modified: number, figure: number, owner: number): void {
    const row = this.#rows++;
    this.#times[row] = modified;
    this.#figures[row] = figure;
    this.#owners[row] = owner;
    this.looked++;
    const last = this.#sections.at(-1);
    if (last?.of === of && last.repository === repository && last.to === row) last.to++;
    else this.#sections.push({ of, repository, from: row, to: row + 1 });
  }

  /** What was found; nothing more is added. */
  answer(): Answer {
    const { looked, tagNames, tagsSeen, contents, irregular, empty, rest } = this;
    return {
      looked: looked + irregular.length + empty.length,
      sections: this.#sections,
      words: this.#words,
      times: this.#times,
      figures: this.#figures,
      owners: this.#owners,
      tagNames,
      tagsSeen,
      contents,
      irregular,
      empty,
      rest,
    };
  }

  #grow(): void {
    const rows = Math.max(512, this.#rows * 2);
    const words = new Int32Array(rows * digestWords);
    const times = new Float64Array(rows);
    const figures = new Float64Array(rows);
    const owners = new Int32Array(rows);
    words.set(this.#words);
    times.set(this.#times);
    figures.set(this.#figures);
    owners.set(this.#owners);
    this.#words = words;
    this.#times = times;
    this.#figures = figures;
    this.#owners = owners;
    this.bytes = new Uint8Array(words.buffer);
  }
}

/** The memory of an answer, which a thread gives away with it. */
export function buffersOf({ words, times, figures, owners, contents, rest }: Answer): ArrayBuffer[] {
  return [
    words.buffer,
    times.buffer,
    figures.buffer,
    owners.buffer,
    ...contents.flatMap(({ heads, references, said }) => [heads.buffer, references.buffer, said.buffer]),
    ...buffersOfTasks(rest),
  ];
}

export function buffersOfTasks(tasks: readonly Task[]): ArrayBuffer[] {
  return tasks.flatMap((task) =>
    'digests' in task && task.digests !== undefined ? [task.digests.buffer] : [],
  );
}
