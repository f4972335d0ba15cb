import { texts } from './texts.ts';

const dayMs = 86_400_000;
const locale = navigator.language.startsWith('en') ? navigator.language : 'en-GB';
const clock = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(locale, { weekday: 'long' });
const dayAndMonth = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
const shortDate = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: 'numeric' });
const fullDate = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric' });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' });

/** A time in short form, with the exact time on hover. `at`: ISO 8601. `as`: formats it, by default as `14:05`. */
export function Time({ at, as = clockTime }: { at: string; as?: (at: string) => string }) {
  return (
    <time className="time" dateTime={at} title={exact.format(new Date(at))}>
      {as(at)}
    </time>
  );
}

/** Returns the time of day: 14:05. */
function clockTime(at: string): string {
  return clock.format(new Date(at));
}

/** Returns the short form for lists: 14:05, Yesterday, Monday, 3 Nov, 3 Nov 2024. */
export function shortTime(at: string): string {
  const days = daysAgo(at);
  if (days <= 0) return clockTime(at);
  if (days === 1) return texts.messages.yesterday;
  if (days < 7) return weekday.format(new Date(at));
  const isThisYear = new Date(at).getFullYear() === new Date().getFullYear();
  return (isThisYear ? dayAndMonth : shortDate).format(new Date(at));
}

/** Returns the heading of a day's messages: Today, Yesterday, Monday, 3 November 2026. */
export function dayName(at: string): string {
  const days = daysAgo(at);
  if (days <= 0) return texts.messages.today;
  if (days === 1) return texts.messages.yesterday;
  return days < 7 ? weekday.format(new Date(at)) : fullDate.format(new Date(at));
}

/** Returns a key that is equal for two times on the same day in the viewer's time zone. */
export function dayOf(at: string): string {
  return new Date(at).toDateString();
}

function daysAgo(at: string): number {
  const midnight = (date: Date) => new Date(date).setHours(0, 0, 0, 0);
  return Math.round((midnight(new Date()) - midnight(new Date(at))) / dayMs);
}
