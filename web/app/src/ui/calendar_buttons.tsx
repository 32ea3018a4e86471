import { useTranslation } from 'react-i18next';
import { Button, buttonClass, type Look } from './button';
import { type CalendarEntry, downloadCalendarFile, googleCalendarLink } from './calendar';

type Props = { entry: CalendarEntry; /** Where what is downloaded needs more than what is there. */ whole?: () => Promise<CalendarEntry>; look: Look; className: string };

/** A file for calendars, and the way to Google's. */
export function CalendarButtons({ entry, whole, look, className }: Props) {
  const { t } = useTranslation('public');
  const download = async () => downloadCalendarFile(whole ? await whole() : entry);
  return (
    <>
      <Button look={look} className={className} onClick={() => void download()}>
        {t('calendar.file')}
      </Button>
      <a href={googleCalendarLink(entry)} target="_blank" rel="noopener noreferrer" className={buttonClass(look, className)}>
        {t('calendar.google')}
        <span className="sr-only"> {t('newTab')}</span>
      </a>
    </>
  );
}
