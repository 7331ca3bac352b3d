/** A part of every day, in minutes since midnight by the clocks of a time zone; `to` before `from`: over midnight. */
export interface Window {
  readonly from: number;
  readonly to: number;
  /** As written: `01:00-05:00`. */
  readonly text: string;
}

const pattern = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/;

/**
 * `01:00-05:00`, `22:30-04:00`.
 * @throws RangeError whose message finishes the sentence "<key> …".
 */
export function parseWindow(text: string): Window {
  const match = pattern.exec(text);
  if (match === null)
    throw new RangeError('must be two times of the day such as "01:00-05:00" or "22:30-04:00"');
  const [, fromHour, fromMinute, toHour, toMinute] = match.map(Number);
  const from = Number(fromHour) * 60 + Number(fromMinute);
  const to = Number(toHour) * 60 + Number(toMinute);
  if (from === to) throw new RangeError('begins when it ends: leave it out where any time will do');
  return { from, to, text };
}

/** Whether `date` is within `window` by the clocks of `timeZone` (IANA). Its end belongs to it no more. */
export function isWithin({ from, to }: Window, timeZone: string, date: Date): boolean {
  const now = minuteOfDay(timeZone, date);
  return from < to ? now >= from && now < to : now >= from || now < to;
}

/** Whether the machine knows a time zone of this name. */
export function isTimeZone(name: string): boolean {
  try {
    minuteOfDay(name, new Date(0));
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function minuteOfDay(timeZone: string, date: Date): number {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const [hour = 0, minute = 0] = format.format(date).split(':').map(Number);
  return hour * 60 + minute;
}
