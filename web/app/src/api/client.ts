/** The API, typed by the contract. Who is signed in is known by cookies that no script can read. */
import createClient from 'openapi-fetch';
import { refreshSession, sessionMayBe } from '../session/flag';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];

/** A refusal as the contract describes it, or that no answer came (code `network`). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown> = {},
    readonly requestId: string | null = null,
    /** Seconds after which it may be tried again. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

/** Not that a password or a code is wrong, which is refused with 401 too. */
async function tokenIsOver(response: Response): Promise<boolean> {
  if (response.status !== 401) return false;
  const told = (await response.clone().json().catch(() => null)) as { code?: string } | null;
  return told?.code === 'invalid_token';
}

/** Sends it; where the access token is over, gets a new one and sends it again. */
async function send(request: Request): Promise<Response> {
  const again = sessionMayBe() ? request.clone() : null;
  const response = await fetch(request);
  if (!again || new URL(request.url).pathname.startsWith('/session') || !(await tokenIsOver(response))) return response;
  return (await refreshSession()) ? fetch(again) : response;
}

export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: send });

/** The answer's body, or an ApiError. */
export async function call<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let got;
  try {
    got = await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'network', 'No answer');
  }
  if (got.response.ok) return got.data as T;
  throw errorOf(got.response, got.error);
}

function errorOf(response: Response, body: unknown): ApiError {
  const told = typeof body === 'object' && body !== null ? (body as Partial<Schemas['Error']>) : {};
  const wait = Number(response.headers.get('Retry-After'));
  return new ApiError(
    response.status,
    told.code ?? `http_${response.status}`,
    told.error ?? response.statusText,
    (told.details as Record<string, unknown> | undefined) ?? {},
    told.request_id ?? response.headers.get('X-Request-Id'),
    Number.isFinite(wait) && wait > 0 ? wait : null,
  );
}

/** For the header Idempotency-Key: one for each thing that somebody means to do, however often it is sent. */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
