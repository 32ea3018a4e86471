/** Commands that a repeat does not do twice. */
import { useMutation } from '@tanstack/react-query';
import { useRef } from 'react';
import { ApiError, newIdempotencyKey } from './client';

type Options<Result> = { onSuccess?: (result: Result) => unknown; onError?: (error: unknown) => unknown };

/**
 * A mutation whose `send` gets the header Idempotency-Key. Where no answer came, or the server failed, the same values are sent under the same
 * key again; what was answered is over, and the next time is another intent.
 */
export function useCommand<Values, Result>(send: (values: Values, headers: { 'Idempotency-Key': string }) => Promise<Result>, options: Options<Result> = {}) {
  const intent = useRef<{ values: string; key: string } | null>(null);
  return useMutation<Result, Error, Values>({
    mutationFn: async (values) => {
      const text = JSON.stringify(values ?? null);
      if (intent.current?.values !== text) intent.current = { values: text, key: newIdempotencyKey() };
      try {
        const result = await send(values, { 'Idempotency-Key': intent.current.key });
        intent.current = null;
        return result;
      } catch (error) {
        if (error instanceof ApiError && error.status > 0 && error.status < 500) intent.current = null;
        throw error;
      }
    },
    ...options,
  });
}
