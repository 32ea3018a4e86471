/** Words. Each page names its namespace, a file per language in locales/, loaded when it is needed. */
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';

export const LANGUAGES = { en: 'English', hi: 'हिन्दी', es: 'Español', de: 'Deutsch', fr: 'Français' } as const;
export type Language = keyof typeof LANGUAGES;

const STORED = 'tithi.language';
const RIGHT_TO_LEFT = ['ar', 'fa', 'he', 'ur'];
const files = import.meta.glob<Record<string, unknown>>('../locales/*/*.json', { import: 'default' });

export function isLanguage(text: string | null | undefined): text is Language {
  return !!text && text in LANGUAGES;
}

/** What was chosen here before, else the browser's first that we speak. */
function initialLanguage(): Language {
  const wanted = [localStorage.getItem(STORED), ...navigator.languages.map((tag) => tag.split('-')[0])];
  return wanted.find(isLanguage) ?? 'en';
}

/** Chosen before, on this device. */
export function languageWasChosen(): boolean {
  return isLanguage(localStorage.getItem(STORED));
}

export async function setLanguage(language: Language): Promise<void> {
  localStorage.setItem(STORED, language);
  await i18next.changeLanguage(language);
}

function setDocumentLanguage(language: string) {
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(language) ? 'rtl' : 'ltr';
}

export async function startWords(): Promise<void> {
  i18next.on('languageChanged', setDocumentLanguage);
  await i18next
    .use({
      type: 'backend',
      read(language: string, namespace: string, done: (error: unknown, words: Record<string, unknown> | false) => void) {
        const load = files[`../locales/${language}/${namespace}.json`];
        if (!load) return done(new Error(`no words: ${language}/${namespace}`), false);
        load().then((words) => done(null, words), (error: unknown) => done(error, false));
      },
    })
    .use(initReactI18next)
    .init({
      lng: initialLanguage(),
      supportedLngs: Object.keys(LANGUAGES),
      fallbackLng: false, // a test holds the languages against each other
      ns: /^\/app\/?($|events|facilitators)/.test(window.location.pathname) ? ['common', 'public'] : ['common'],
      defaultNS: 'common',
      interpolation: { escapeValue: false }, // React does
    });
}
