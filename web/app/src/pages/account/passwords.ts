/** What can be said of a password here; the server has the last word, by lists that are too long for a page. */

export const SHORTEST_PASSWORD = 8;
export const LONGEST_PASSWORD = 256;

/** 0 too short, 1 weak, 2 fair, 3 good, 4 strong. */
export type Strength = 0 | 1 | 2 | 3 | 4;

const GUESSED_FIRST = [
  'password',
  'passwort',
  'qwerty',
  'qwertz',
  'azerty',
  'letmein',
  'iloveyou',
  'welcome',
  'admin',
  'login',
  'monkey',
  'dragon',
  'sunshine',
  'princess',
  'football',
  'tithi',
];
const lettersOf = (text: string) => text.toLowerCase().replace(/[^\p{L}]/gu, '');

function onlyRepeatsOrCounts(characters: string[]): boolean {
  const steps = characters.slice(1).map((character, index) => character.codePointAt(0)! - characters[index]!.codePointAt(0)!);
  return new Set(characters).size <= 3 || steps.every((step) => step === steps[0]);
}

/** `own`: the person's name and address, which are guessed first. */
export function passwordStrength(password: string, own: string[] = []): Strength {
  const characters = [...password];
  if (characters.length < SHORTEST_PASSWORD) return 0;
  const letters = lettersOf(password);
  const guessed = [...GUESSED_FIRST, ...own.flatMap((text) => [text, text.split('@')[0]!]).map(lettersOf)].filter((word) => word.length >= 4);
  if (onlyRepeatsOrCounts(characters) || guessed.includes(letters)) return 1;
  const kinds = [/\p{Ll}/u, /\p{Lu}/u, /\p{N}/u, /[^\p{L}\p{N}]/u].filter((kind) => kind.test(password)).length;
  const worth = new Set(characters).size + characters.length / 2 + 2 * (kinds - 1);
  if (worth < 13) return 1;
  if (worth < 17) return 2;
  return worth < 23 ? 3 : 4;
}
