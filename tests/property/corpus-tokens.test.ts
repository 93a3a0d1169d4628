// Laws of tokenizers and of the corpus: whatever the text, offsets are in order, inside it and lead back to the tokens;
// whatever the order of a file, the shards are the same.
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { documentHash } from '../../core/corpus/document-hash.js';
import { shardCount, shardOf } from '../../core/corpus/shard-plan.js';
import { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import { TOKENIZER } from '../harness/fixtures.js';

const golden = (name: string): Tokenizer =>
  new Tokenizer(readFileSync(new URL(`../golden/tokens/${name}.tokenizer.json`, import.meta.url)));
const SEED = { seed: 20_261_122, numRuns: 300 };

/** Texts of anything: ASCII, spaces, marks, CJK, right-to-left, emoji sequences, controls. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 5 }),
      fc.string({ unit: 'grapheme', maxLength: 5 }),
      fc.constantFrom(
        ' ',
        '  ',
        '\n',
        "'s",
        'é',
        'e\u0301',
        '각',
        '漢',
        'שָׁ',
        '👩‍👩‍👧',
        '<|endoftext|>',
        '▁',
        '\u0000',
        '\ufeff',
      ),
      fc.string({ unit: 'grapheme-ascii', maxLength: 8 }),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(''))
  // What the corpus stage refuses never gets here.
  .filter((text) => !/\p{Cs}/u.test(text));

describe.each(['byte-level', 'split-byte-level', 'metaspace-fallback', 'metaspace-first', 'unigram', 'word-piece'])(
  'the offsets of the %s tokenizer',
  (name) => {
    const tokenizer = golden(name);

    it('are in order and inside the text', () => {
      fc.assert(
        fc.property(anyText, (text) => {
          const { ids, starts, ends } = tokenizer.encode(text);
          const points = Array.from(text).length;
          expect(starts.length).toBe(ids.length);
          for (let i = 0; i < ids.length; i++) {
            const [start, end] = [starts[i] ?? NaN, ends[i] ?? NaN];
            expect(start).toBeLessThan(end);
            expect(end).toBeLessThanOrEqual(points);
            expect(start).toBeGreaterThanOrEqual(starts[i - 1] ?? 0);
            expect(end).toBeGreaterThanOrEqual(ends[i - 1] ?? 0);
          }
        }),
        SEED,
      );
    });
  },
);

describe('byte-level tokens', () => {
  const fixture = new Tokenizer(readFileSync(TOKENIZER));

  it('cover a text without gaps, and the tokens of a character share it', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { starts, ends } = fixture.encode(text);
        const points = Array.from(text).length;
        expect(starts[0] ?? 0).toBe(0);
        expect(ends.at(-1) ?? 0).toBe(points);
        for (let i = 1; i < starts.length; i++) {
          const gap = (starts[i] ?? NaN) - (ends[i - 1] ?? NaN);
          expect(gap === 0 || gap === -1).toBe(true);
        }
      }),
      SEED,
    );
  });

  it('of two texts joined at a paragraph are those of each, moved', () => {
    const word = fc.string({
      unit: fc.constantFrom(...Array.from('abcdefgh é漢😀')),
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const special = '<|endoftext|>';
        const joined = fixture.encode(a + special + b);
        const [first, second] = [fixture.encode(a), fixture.encode(b)];
        const shift = Array.from(a).length + special.length;
        expect([...joined.ids]).toEqual([...first.ids, 0, ...second.ids]);
        expect([...joined.starts]).toEqual([
          ...first.starts,
          Array.from(a).length,
          ...[...second.starts].map((s) => s + shift),
        ]);
      }),
      SEED,
    );
  });
});

describe('shards', () => {
  it('are cut so that the order by hash is the order of the shards', () => {
    const someIds = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(someIds, fc.integer({ min: 1, max: 40 }), fc.integer(), (ids, count, seed) => {
        const hashes = ids.map((id) => documentHash('order', seed, id)).sort((a, b) => a - b);
        const shards = hashes.map((hash) => shardOf(hash, count));
        expect(shards).toEqual([...shards].sort((a, b) => a - b));
        expect(shards.every((shard) => shard >= 0 && shard < count)).toBe(true);
      }),
      SEED,
    );
  });

  it('hold about shardTokens · 4 bytes each', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e12 }), fc.integer({ min: 1, max: 1e6 }), (bytes, shardTokens) => {
        const count = shardCount(1, bytes, shardTokens);
        expect(count).toBeGreaterThanOrEqual(1);
        const perShard = bytes / count;
        expect(perShard).toBeLessThanOrEqual(1.5 * 4 * shardTokens);
        if (count > 1) expect(perShard).toBeGreaterThanOrEqual((4 * shardTokens) / 1.5);
      }),
      SEED,
    );
  });
});
