const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const time = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)';
/** The present form, that of RFC 850, and that of `asctime()`. */
const forms = [
  `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d\\d) (?<month>[A-Z][a-z]{2}) (?<year>\\d{4}) ${time} GMT`,
  `(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d\\d)-(?<month>[A-Z][a-z]{2})-(?<year>\\d\\d) ${time} GMT`,
  `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>[A-Z][a-z]{2}) (?<day>[ \\d]\\d) ${time} (?<year>\\d{4})`,
].map((form) => new RegExp(`^${form}$`));
/** A year of two digits lies in the past if it would be further ahead than these years. */
const maxYearsAhead = 50;

/**
 * Reads a date of a header in any of the three forms of RFC 9110, section 5.6.7.
 * @returns milliseconds since 1970, or null if the text is no such date: the header is ignored then
 */
export function parseHttpDate(text: string): number | null {
  for (const form of forms) {
    const { groups } = form.exec(text) ?? {};
    if (groups) return toTime(groups);
  }
  return null;
}

function toTime(parts: Record<string, string>): number | null {
  const { day, hour, minute, second } = parts;
  const month = months.indexOf(parts['month'] ?? '');
  const date = Date.UTC(readYear(parts['year'] ?? ''), month, Number(day));
  // `Date.UTC` takes the 31st of February for a day of March.
  const isDate = month >= 0 && new Date(date).getUTCMonth() === month;
  // A minute may end in a leap second.
  const isTime = Number(hour) < 24 && Number(minute) < 60 && Number(second) <= 60;
  return isDate && isTime ? date + (Number(hour) * 3_600 + Number(minute) * 60 + Number(second)) * 1_000 : null;
}

function readYear(digits: string): number {
  if (digits.length > 2) return Number(digits);
  const now = new Date().getUTCFullYear();
  const year = Math.floor(now / 100) * 100 + Number(digits);
  return year > now + maxYearsAhead ? year - 100 : year;
}
