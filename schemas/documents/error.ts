// The document that any failing command prints with --json.
import { z } from 'zod';

export const errorDocument = z.strictObject({
  error: z.strictObject({
    class: z
      .string()
      .describe('InputError, DataError, ResourceError, TransientError, or the name of an unexpected one'),
    message: z.string(),
    details: z.record(z.string(), z.unknown()),
  }),
});
