// What a token id stands for by itself: spellings of vocabularies turned back, so that the texts of a text's ids make the text again.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../../../core/corpus/tokenizer/tokenizer.js';
import { TOKENIZER } from '../../../harness/fixtures.js';

const golden = (kind: string): Tokenizer =>
  new Tokenizer(readFileSync(new URL(`../../../golden/tokens/${kind}.tokenizer.json`, import.meta.url)));
const textsOf = (tokenizer: Tokenizer, text: string): (string | null)[] =>
  tokenizer.textsOf([...tokenizer.encode(text).ids]);

const TEXT = 'In the beginning God created the heaven and the earth: 12 days\tof it.';

describe('the texts of token ids', () => {
  it.each(['byte-level', 'split-byte-level', 'falcon'])('make the text again: %s', (kind) => {
    const texts = textsOf(golden(kind), TEXT);
    expect(texts.length).toBeGreaterThan(10);
    expect(texts.join('')).toBe(TEXT);
  });

  it('make it again with the tokenizer of the fixtures', () => {
    const tokenizer = new Tokenizer(readFileSync(TOKENIZER));
    expect(textsOf(tokenizer, TEXT).join('')).toBe(TEXT);
    expect(textsOf(tokenizer, ' the')).toContain(' the');
  });

  it('make it again with a space in front where the vocabulary marks words by ▁', () => {
    expect(textsOf(golden('metaspace-fallback'), TEXT).join('')).toBe(` ${TEXT}`);
  });

  it('name a part of a character by U+FFFD, a fallback byte by itself', () => {
    expect(textsOf(golden('byte-level'), '\u{1f409}').join('')).toMatch(/^\ufffd+$/);
    expect(textsOf(golden('metaspace-fallback'), '\n').join('')).toBe(' \n');
  });

  it('end in a space where the vocabulary marks the ends of words, and stay as spelt inside words', () => {
    expect(textsOf(golden('word-suffix'), 'in the').at(-1)).toMatch(/ $/);
    expect(textsOf(golden('word-piece'), TEXT).some((text) => text?.startsWith('##'))).toBe(true);
  });

  it('are null for ids that no token has', () => {
    const tokenizer = golden('byte-level');
    expect(tokenizer.textsOf([tokenizer.vocabSize])).toEqual([null]);
  });
});
