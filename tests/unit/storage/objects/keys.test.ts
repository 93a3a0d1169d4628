// Object keys order as their UTF-8 bytes and may not be longer than a store allows.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys, validateKey } from '../../../../storage/objects/keys.js';

describe('object keys', () => {
  it('are ordered as their UTF-8 bytes are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
        expect(Math.sign(compareKeys(a, b))).toBe(expected);
      }),
      { seed: 1, numRuns: 2000 },
    );
    // U+1F642 is above U+FF01, but its first UTF-16 unit (D83D) is below it.
    expect(compareKeys('\u{1F642}', '\uFF01')).toBeGreaterThan(0);
  });

  it('may be 900 bytes long, and say when they are longer', () => {
    const segment = 'x'.repeat(224);
    const long = [segment, segment, segment, segment].join('/');
    expect(long.length).toBe(4 * 224 + 3);
    expect(validateKey(long)).toBe(long);
    expect(() => validateKey(`${long}/y`)).toThrow(/more than 900 bytes.*rename/s);
  });
});
