import { DAY } from './days';
import { TextField } from './field';
import { useTyped } from './use_typed';

type Props = { label: string; value: string; min?: string; max?: string; change: (day: string) => void };

/** Browsers tell each digit of a year that is typed. */
export function DayField({ label, value, min, max, change }: Props) {
  const [day, setDay] = useTyped(value, (typed) => (typed === '' || DAY.test(typed)) && change(typed));
  return <TextField type="date" label={label} value={day} min={min || undefined} max={max || undefined} onChange={(event) => setDay(event.target.value)} />;
}
