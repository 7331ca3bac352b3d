// A reporter for vitest: ends a run in which nothing has come to an end for long, and says what was under way. A test
// that blocks its process hears of no timeout.
import { readFileSync } from 'node:fs';

/** For so long nothing may end, s. */
const patience = Number(process.env.HANGS_AFTER ?? 900);

export default class HangReporter {
  #underWay = new Map();
  #timer;

  onTestModuleQueued(module) {
    this.#begin(module, module.relativeModuleId);
  }

  onTestModuleEnd(module) {
    this.#end(module);
  }

  onTestCaseReady(test) {
    this.#begin(test, `${test.module.relativeModuleId} > ${test.fullName}`);
  }

  onTestCaseResult(test) {
    this.#end(test);
  }

  onTestRunEnd() {
    clearTimeout(this.#timer);
  }

  #begin({ id }, name) {
    this.#underWay.set(id, name);
    this.#timer ??= setTimeout(() => this.#giveUp(), patience * 1_000);
  }

  #end({ id }) {
    this.#underWay.delete(id);
    this.#timer?.refresh();
  }

  #giveUp() {
    const names = [...this.#underWay.values()].map((name) => `  ${name}\n`);
    process.stdout.write(`\nHANGS: nothing has ended for ${patience} s. Under way:\n${names.join('')}`);
    try {
      const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim();
      for (const pid of children.split(' ').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
    } finally {
      // One that has just gone is no reason to stay.
      process.exit(1);
    }
  }
}
