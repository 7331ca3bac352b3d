/** A length of time, with the words it was written in, so that messages can use the reader's own. */
export interface Duration {
  readonly ms: number;
  /** As written: `1h30m`. */
  readonly text: string;
}

const units = [
  { name: 'w', ms: 604_800_000 },
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'm', ms: 60_000 },
  { name: 's', ms: 1_000 },
] as const;

const pattern = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/**
 * `0s`, `90s`, `1h30m`, `168h`, `7d`, `2w`: whole numbers, biggest unit first, each unit once. Days have 24 hours.
 * @throws RangeError whose message finishes the sentence "<key> …".
 */
export function parseDuration(text: string): Duration {
  if (/^\d+(\.\d+)?$/.test(text)) throw new RangeError(bareNumber(text));
  if (text.startsWith('-')) throw new RangeError('must not be negative');
  const match = text === '' ? null : pattern.exec(text);
  if (match === null) {
    throw new RangeError(
      'must be a duration such as "90s", "1h30m", "168h", "7d" or "2w": whole numbers, biggest unit first',
    );
  }
  const ms = units.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * unit.ms, 0);
  if (!Number.isSafeInteger(ms)) throw new RangeError('is longer than can be counted');
  return { ms, text };
}

/** What to say of a number that came without a unit. */
export function bareNumber(number: number | string): string {
  return `needs a unit: write "${number}s" for seconds, "${number}h" for hours or "${number}d" for days`;
}
