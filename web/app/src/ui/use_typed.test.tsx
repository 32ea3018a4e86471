import { act, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useTyped } from './use_typed';

function Box({ value, commit }: { value: string; commit: (text: string) => void }) {
  const [text, setText] = useTyped(value, commit);
  return <input value={text} onChange={(event) => setText(event.target.value)} />;
}

const box = () => screen.getByRole<HTMLInputElement>('textbox');
const type = (value: string) => fireEvent.change(box(), { target: { value } });
const wait = (ms: number) => act(() => vi.advanceTimersByTime(ms));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  document.body.innerHTML = '';
});

test('is passed on once, at the first pause', () => {
  const commit = vi.fn();
  render(<Box value="" commit={commit} />);
  type('y');
  wait(200);
  type('yo');
  wait(299);
  expect(commit).not.toHaveBeenCalled();
  wait(1);
  expect(commit.mock.calls).toEqual([['yo']]);
});

test('what comes back of it does not disturb who types on', () => {
  const commit = vi.fn();
  const { rerender } = render(<Box value="" commit={commit} />);
  type('yoga ');
  wait(300);
  rerender(<Box value="yoga" commit={commit} />);
  expect(box().value).toBe('yoga ');
  wait(1000);
  expect(commit.mock.calls).toEqual([['yoga']]);
});

test('follows the address', () => {
  const commit = vi.fn();
  const { rerender } = render(<Box value="yoga" commit={commit} />);
  rerender(<Box value="" commit={commit} />);
  expect(box().value).toBe('');
  wait(1000);
  expect(commit).not.toHaveBeenCalled();
});
