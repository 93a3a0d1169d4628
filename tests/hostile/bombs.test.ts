// Files that are small and ask for much: each ends in seconds and in bounded memory, read or refused with words that say why.
import { describe, expect, it } from 'vitest';
import { attempt } from './attempt.js';
import { BOMBS } from './bombs.js';

/** On a machine with nothing else to do none takes a fifth of this. */
const MAX_MS = 20_000;
const MAX_MEGABYTES = 2500;

describe('a file made to cost much', () => {
  it.each(BOMBS)(
    '$name',
    ({ bytes, refusal }) => {
      const { ms, message } = attempt(bytes());
      if (refusal !== null) expect(message).toMatch(refusal);
      expect(ms).toBeLessThan(MAX_MS);
      expect(process.memoryUsage().rss / 2 ** 20).toBeLessThan(MAX_MEGABYTES);
    },
    120_000,
  );
});
