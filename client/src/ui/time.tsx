import { texts } from './texts.ts';

const DAY_MS = 86_400_000;
const locale = navigator.language.startsWith('en') ? navigator.language : 'en-GB';
const clock = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(locale, { weekday: 'long' });
const dayAndMonth = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
const fullDate = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric' });
const exact = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' });

/** A moment as people say it, with the exact one on hover. `at`: ISO 8601. */
export function Time({ at, as = clockTime }: { at: string; as?: (at: string) => string }) {
  return (
    <time className="time" dateTime={at} title={exact.format(new Date(at))}>
      {as(at)}
    </time>
  );
}

/** 14:05 */
function clockTime(at: string): string {
  return clock.format(new Date(at));
}

/** In a list: 14:05, Yesterday, Monday, 3 Nov. */
export function shortTime(at: string): string {
  const days = daysAgo(at);
  if (days <= 0) return clockTime(at);
  if (days === 1) return texts.messages.yesterday;
  return days < 7 ? weekday.format(new Date(at)) : dayAndMonth.format(new Date(at));
}

/** Above the messages of a day: Today, Yesterday, Monday, 3 November 2026. */
export function dayName(at: string): string {
  const days = daysAgo(at);
  if (days <= 0) return texts.messages.today;
  if (days === 1) return texts.messages.yesterday;
  return days < 7 ? weekday.format(new Date(at)) : fullDate.format(new Date(at));
}

/** Equal for two moments of one day, where the viewer is. */
export function dayOf(at: string): string {
  return new Date(at).toDateString();
}

function daysAgo(at: string): number {
  const midnight = (date: Date) => new Date(date).setHours(0, 0, 0, 0);
  return Math.round((midnight(new Date()) - midnight(new Date(at))) / DAY_MS);
}
