// Adds up what the reports NAME.json say, and names what failed, with the reason: on thousands of lines it is long gone
// by the end. A NAME.failed without a failed test counts as one. Its last line is the last line of scripts/test.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, parse, relative } from 'node:path';

const shownLines = 15;

const directory = process.argv[2] ?? '.';
const sum = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const names = new Set(readdirSync(directory).map((file) => parse(file).name));
for (const name of names) {
  const report = join(directory, `${name}.json`);
  const failed = [];
  if (existsSync(report)) {
    const { testResults, numPassedTests, numPendingTests, numTodoTests } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    failed.push(...testResults.flatMap(failuresOf));
    sum.passed += numPassedTests;
    sum.skipped += numPendingTests + numTodoTests;
  }
  if (failed.length === 0 && existsSync(join(directory, `${name}.failed`)))
    failed.push({ title: `${name}, outside its tests; what it printed says why`, message: '' });
  sum.failed += failed.length;
  failures.push(...failed);
}
for (const { title, message } of failures) {
  const lines = message === '' ? [] : message.split('\n').slice(0, shownLines);
  process.stdout.write(`\nFailed: ${title}\n${lines.map((line) => `  ${line}\n`).join('')}`);
}
process.stdout.write(`\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped\n`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;

function failuresOf({ name, status, message, assertionResults }) {
  const path = relative('.', name);
  const tests = assertionResults.filter((test) => test.status === 'failed');
  // A file that could not be loaded, or whose hooks failed, has none.
  if (status === 'failed' && tests.length === 0) return [{ title: path, message: message ?? '' }];
  return tests.map((test) => ({
    title: `${path} > ${test.fullName}`,
    message: test.failureMessages.join('\n'),
  }));
}
