/** What somebody has typed and not sent yet, kept in this tab: a reload or a failure loses nothing. Everybody has their own. */
import { type EventValues, FIELDS } from './event_values';

/** `base`: what it is a change of, as of `etag`. */
export type Draft = { values: EventValues; base: EventValues; etag: string | null };

const name = (key: string) => `tithi.draft.${key}`;

export function readDraft(key: string): Draft | null {
  try {
    const draft = JSON.parse(sessionStorage.getItem(name(key)) ?? 'null') as Draft | null;
    return draft && FIELDS.every((field) => field in draft.values && field in draft.base) ? draft : null; // an older page may have written it
  } catch {
    return null;
  }
}

export function keepDraft(key: string, draft: Draft): void {
  try {
    sessionStorage.setItem(name(key), JSON.stringify(draft));
  } catch {
    // No room: then it is not kept.
  }
}

export function dropDraft(key: string): void {
  sessionStorage.removeItem(name(key));
}
