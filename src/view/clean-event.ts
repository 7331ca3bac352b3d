import { visible } from '../format.ts';
import type { Event } from '../pipeline/events.ts';

/** Longest text of an event that a view shows, in UTF-16 units. What is longer is found whole in the report. */
const longest = 500;

/** The event with every text in it masked and safe to print: the one place in which a view's texts are made so. */
export function cleanEvent(event: Event, mask: (text: string) => string): Event {
  const clean = (text: string): string => visible(mask(text), longest);
  const perhaps = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : clean(text);
  switch (event.type) {
    case 'step-started':
      return event;
    case 'step-ended':
      return { ...event, note: perhaps(event.note) };
    case 'progress':
      return { ...event, text: perhaps(event.text) };
    case 'output':
      return { ...event, line: clean(event.line) };
    case 'warning':
      return { ...event, text: clean(event.text) };
    case 'undo':
      return { ...event, reason: perhaps(event.reason) };
  }
}
