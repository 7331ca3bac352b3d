/** A promise, and how to break it on purpose. */
export interface Break {
  /** What is promised, as a sentence. */
  readonly promise: string;
  /** Below the repository's root. */
  readonly file: string;
  /** Text that stands exactly once in the file → what takes its place. */
  readonly edits: readonly (readonly [string, string])[];
  /** Below `test/`, without `.test.ts`: each of them must fail by itself once the promise is broken. */
  readonly seenBy: readonly string[];
}

/** Tests that need a Docker Engine. */
export function needsEngine({ seenBy }: Break): boolean {
  return seenBy.some((test) => test.startsWith('e2e/'));
}

/** For CONTRIBUTING. */
export function tableOf(breaks: readonly Break[]): string {
  const code = (text: string): string => `\`${text}\``;
  const rows = breaks.map(
    ({ promise, file, seenBy }) =>
      `| ${promise} (${code(file.replace(/^src\//, ''))}) | ${seenBy.map(code).join(', ')} |`,
  );
  return ['| break this | and this fails |', '|---|---|', ...rows, ''].join('\n');
}

/** The text of the file with the promise broken. Throws when it is no longer written as the break knows it. */
export function broken({ file, promise, edits }: Break, text: string): string {
  return edits.reduce((now, [search, replacement]) => {
    const times = now.split(search).length - 1;
    if (times !== 1)
      throw new Error(
        `"${promise}" cannot be broken: ${file} has ${JSON.stringify(search)} ${times} times, not once`,
      );
    return now.replace(search, () => replacement);
  }, text);
}
