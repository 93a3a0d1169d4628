// The document of the command that makes a completion script.
import { z } from 'zod';

export const completionDocument = z.strictObject({
  shell: z.enum(['bash', 'zsh', 'fish']),
  script: z.string(),
});
