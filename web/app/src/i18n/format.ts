/** Numbers, money and times in the reader's language, by Intl. */
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';

type Time = string | number | Date;

function asDate(time: Time): Date {
  return time instanceof Date ? time : new Date(time);
}

const made = new Map<string, unknown>();

/** Formats are dear: a page of cards would make hundreds of them, most of them alike. */
function kept<Options, Made>(Kind: new (language: string, options: Options) => Made, language: string, options: Options): Made {
  const key = `${Kind.name} ${language} ${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, new Kind(language, options));
  return made.get(key) as Made;
}

export function formatter(language: string) {
  const dates = (options: Intl.DateTimeFormatOptions) => kept(Intl.DateTimeFormat, language, options);
  const dated = (time: Time, timeZone: string | undefined, options: Intl.DateTimeFormatOptions) => dates({ timeZone, ...options }).format(asDate(time));
  return {
    number: (value: number, options: Intl.NumberFormatOptions = {}) => kept(Intl.NumberFormat, language, options).format(value),
    /** In major units, as the API's `price` and `amount`; whole amounts without decimals. */
    money: (amount: number, currency: string) =>
      kept(Intl.NumberFormat, language, { style: 'currency', currency, trailingZeroDisplay: 'stripIfInteger' } as Intl.NumberFormatOptions).format(amount),
    /** Saturday, 5 December 2026 */
    day: (time: Time, timeZone?: string) => dated(time, timeZone, { dateStyle: 'full' }),
    /** 5 Dec 2026 */
    shortDay: (time: Time, timeZone?: string) => dated(time, timeZone, { dateStyle: 'medium' }),
    /** Whichever parts are asked for. */
    date: dated,
    /** 17:30 */
    time: (time: Time, timeZone?: string) => dated(time, timeZone, { timeStyle: 'short' }),
    /** 5 Dec 2026, 17:30 */
    dayAndTime: (time: Time, timeZone?: string) => dated(time, timeZone, { dateStyle: 'medium', timeStyle: 'short' }),
    /** Sat, 5 Dec, 17:30 – 19:00; with the year where it is not this one */
    span: (start: Time, end: Time | null, timeZone?: string) => {
      const year = asDate(start).getFullYear() === new Date().getFullYear() ? undefined : 'numeric';
      const day = { weekday: 'short', day: 'numeric', month: 'short', year } as const;
      const format = dates({ timeZone, ...day, hour: 'numeric', minute: '2-digit' });
      return end ? format.formatRange(asDate(start), asDate(end)) : format.format(asDate(start));
    },
    /** GMT+5:30, or the zone's name where there is one */
    zone: (timeZone: string, at: Time = Date.now()) =>
      dates({ timeZone, timeZoneName: 'short' }).formatToParts(asDate(at)).find((part) => part.type === 'timeZoneName')?.value ?? timeZone,
    /** in 3 days; 5 minutes ago */
    relative: (time: Time, now: number = Date.now()) => {
      const seconds = (asDate(time).getTime() - now) / 1000;
      const units = [['year', 31_557_600], ['month', 2_629_800], ['day', 86_400], ['hour', 3600], ['minute', 60]] as const;
      const format = kept(Intl.RelativeTimeFormat, language, { numeric: 'auto' });
      for (const [unit, length] of units) if (Math.abs(seconds) >= length) return format.format(Math.round(seconds / length), unit);
      return format.format(Math.round(seconds), 'second');
    },
    list: (items: string[]) => kept(Intl.ListFormat, language, {}).format(items),
    /** The language's own name: Deutsch. */
    languageName: (tag: string) => kept(Intl.DisplayNames, language, { type: 'language' }).of(tag) ?? tag,
  };
}

/** The reader's own variety of the language, where the browser tells it: dates and clocks differ between en-GB and en-US. */
export function regionalTag(language: string): string {
  return navigator.languages.find((tag) => tag.startsWith(`${language}-`)) ?? language;
}

export type Format = ReturnType<typeof formatter>;

export function useFormat(): Format {
  const { i18n } = useTranslation();
  return useMemo(() => formatter(regionalTag(i18n.language)), [i18n.language]);
}
