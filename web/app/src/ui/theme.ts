/** Light or dark: as chosen here, else as the device says. */
import { useSyncExternalStore } from 'react';

export type Theme = 'light' | 'dark';

const STORED = 'tithi.theme';
const device = window.matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function current(): Theme {
  const chosen = localStorage.getItem(STORED);
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return device.matches ? 'dark' : 'light';
}

function apply() {
  document.documentElement.dataset.theme = current();
  listeners.forEach((listener) => listener());
}

export function startTheme(): void {
  apply();
  device.addEventListener('change', apply);
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const theme = useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, current);
  return [
    theme,
    (chosen) => {
      localStorage.setItem(STORED, chosen);
      apply();
    },
  ];
}
