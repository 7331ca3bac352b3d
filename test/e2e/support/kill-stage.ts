import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Ended, Report } from '../../support/program.ts';
import { pushImage } from '../../support/push.ts';
import { snapshot, stateDirectory } from '../../support/tree.ts';
import { docker, leftBehind, standing } from './docker.ts';
import { haltAt } from './halt.ts';
import { expectWhole, fill, type Held } from './images.ts';
import type { Place } from './kill-points.ts';
import { freePort, type RegistryContainer, Scene } from './scene.ts';

/** A cleaner that stands still at a line of its log. */
export interface Halted {
  readonly container: string;
  /** Lets it go on. */
  goOn(): void;
  readonly ended: Promise<Ended>;
}

/** What was seen of all points. */
export interface Tally {
  kills: number;
  tagsChecked: number;
  tagsLost: number;
  notRestored: number;
}

/** A registry that is cleaned, and killed at, again and again. */
export class KillStage implements AsyncDisposable {
  readonly scene: Scene;
  readonly registry: RegistryContainer;
  readonly #socket: string;
  readonly #tally: Tally;
  #held: Held = { kept: [] };
  #before: unknown;
  /** Files after a run that nobody disturbed. */
  #reference: readonly string[] = [];

  private constructor(scene: Scene, registry: RegistryContainer, socket: string, tally: Tally) {
    this.scene = scene;
    this.registry = registry;
    this.#socket = socket;
    this.#tally = tally;
  }

  static async open(place: Place, socket: string, tally: Tally): Promise<KillStage> {
    const scene = await Scene.open();
    try {
      const port = place === 'port' ? ['-p', `127.0.0.1:${await freePort()}:5000`] : [];
      const registry = await scene.registry({ flags: ['--restart', 'always', ...port] });
      const stage = new KillStage(scene, registry, socket, tally);
      stage.#before = await standing(registry.name);
      await stage.fill();
      await stage.#push(registry.url);
      expect(await stage.clean()).toMatchObject({ outcome: 'ok', exitCode: 0, removed: { manifests: 4 } });
      stage.#reference = filesOf(registry.root);
      return stage;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Tags that must stay, and what a run has to take away, the same every time. */
  async fill(): Promise<void> {
    this.#held = await fill(await this.scene.urlOf(this.registry.name));
  }

  /** A run from its begin to its end. */
  async clean(): Promise<Report> {
    return (await this.scene.clean(this.registry, [], { socket: this.#socket })).report;
  }

  async recover(): Promise<Ended> {
    return this.scene.cleaner(this.registry, ['recover'], { socket: this.#socket });
  }

  /** Starts the program, and returns when its log has a line that `at` matches. */
  async halt(at: string, args: readonly string[]): Promise<Halted> {
    const { inContainer, reached, goOn } = haltAt(this.scene, at);
    let container = '';
    const ended = this.scene.cleaner(this.registry, args, {
      socket: this.#socket,
      stays: true,
      env: inContainer.env,
      // An engine that starts ends the containers of its earlier life, which takes no longer than this.
      flags: [...inContainer.flags, '--stop-timeout', '2'],
      onSpawn: (name) => {
        container = name;
      },
    });
    await reached(ended);
    return { container, goOn, ended };
  }

  /** Kills the stand-in, or whatever the run has made, if it runs. */
  async killStandIn(): Promise<boolean> {
    const [name] = await leftBehind(this.registry);
    return (
      name !== undefined &&
      docker('kill', name).then(
        () => true,
        () => false,
      )
    );
  }

  /** Fails unless all is as it was before, whole and open. */
  async expectRestored(): Promise<void> {
    try {
      expect(await standing(this.registry.name)).toEqual(this.#before);
      expect(await leftBehind(this.registry)).toEqual([]);
      const url = await this.scene.urlOf(this.registry.name);
      await this.#expectTags(url);
      await this.#push(url);
    } catch (error) {
      this.#tally.notRestored++;
      throw error;
    }
    this.#expectNothingOpen();
  }

  /** Fails unless the next run ends where one that nobody disturbed did. */
  async expectConverged(): Promise<void> {
    expect(await this.clean()).toMatchObject({ error: null, exitCode: 0 });
    expect(filesOf(this.registry.root)).toEqual(this.#reference);
    this.#expectNothingOpen();
  }

  async #expectTags(url: string): Promise<void> {
    for (const tag of this.#held.kept) {
      this.#tally.tagsChecked++;
      try {
        await expectWhole(url, { kept: [tag] });
      } catch (error) {
        this.#tally.tagsLost++;
        throw error;
      }
    }
  }

  #expectNothingOpen(): void {
    for (const name of ['lock', 'journal.ndjson'])
      expect(existsSync(join(this.registry.root, stateDirectory, name)), name).toBe(false);
  }

  /** The same every time, so that the tree is. */
  async #push(url: string): Promise<void> {
    await pushImage(url, 'after/the-run', 'probe', { seed: 'probe' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }
}

/** Directories without a file are not worth a run, so they may be left by one that was killed. */
function filesOf(root: string): readonly string[] {
  const files = [...snapshot(root)].filter(([, { type }]) => type !== 'directory');
  return files.map(([path, { type, content }]) => `${path} ${type} ${content}`).sort();
}
