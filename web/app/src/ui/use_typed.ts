import { useEffect, useEffectEvent, useRef, useState } from 'react';

const PAUSE_MS = 300;

/** Text that is being typed: passed on at the first pause. Follows `value` where that changes otherwise, as by the back button. */
export function useTyped(value: string, commit: (text: string) => unknown): [string, (text: string) => void] {
  const [text, setText] = useState(value);
  const passed = useRef(value);
  const pass = useEffectEvent((typed: string) => {
    passed.current = typed;
    commit(typed);
  });
  useEffect(() => {
    if (value === passed.current) return;
    passed.current = value;
    setText(value);
  }, [value]);
  useEffect(() => {
    const typed = text.trim();
    if (typed === passed.current) return undefined;
    const timer = setTimeout(() => pass(typed), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, setText];
}
