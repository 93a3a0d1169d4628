// The tokenizer: which files are refused and with what words, added tokens, and the summary that planning uses.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { summariseTokenizer } from '../../../../core/corpus/tokenizer/summary.js';
import { Tokenizer } from '../../../../core/corpus/tokenizer/tokenizer.js';
import { InputError } from '../../../../schemas/errors.js';
import { TOKENIZER } from '../../../harness/fixtures.js';

const fixture = readFileSync(TOKENIZER);

type Json = Record<string, unknown> & { model: Record<string, unknown> };
/** A small BPE tokenizer whose model falls back on bytes, with changes. */
function small(changes: Record<string, unknown> = {}, model: Record<string, unknown> = {}): Uint8Array {
  const vocab: Record<string, number> = { '<unk>': 0, a: 1, b: 2, ab: 3, '▁': 4, '▁ab': 5 };
  const json: Json = {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: { type: 'RobertaProcessing' },
    decoder: { type: 'unheard of' },
    truncation: { max_length: 1 },
    ...changes,
    model: { type: 'BPE', unk_token: '<unk>', vocab, merges: ['a b', '▁ ab'], ...model },
  };
  return Buffer.from(JSON.stringify(json));
}

function refusal(json: Uint8Array): Error {
  try {
    new Tokenizer(json);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return error as Error;
  }
  throw new TypeError('Expected the tokenizer to be refused.');
}

describe('a tokenizer', () => {
  it('does not look at truncation, post-processor and decoder', () => {
    const { ids } = new Tokenizer(small()).encode('abab');
    expect([...ids]).toEqual([3, 3]);
  });

  it('gives no token for an empty text', () => {
    expect(new Tokenizer(fixture).encode('').ids).toHaveLength(0);
  });

  it('finds special tokens in a text, whole', () => {
    const tokenizer = new Tokenizer(fixture);
    const { ids, starts, ends } = tokenizer.encode('😀<|endoftext|>a');
    const at = ids.indexOf(0);
    expect([starts[at], ends[at]]).toEqual([1, 14]);
    expect(ends.at(-1)).toBe(15);
  });

  it('lets tokens that split a character share its start and its end', () => {
    const { starts, ends } = new Tokenizer(fixture).encode('x😀');
    const inEmoji = [...starts].flatMap((start, i) => (start === 1 ? [ends[i]] : []));
    expect(inEmoji.length).toBeGreaterThan(1);
    expect(new Set(inEmoji)).toEqual(new Set([2]));
  });

  it('gives the same tokens whatever was tokenised before', () => {
    const once = new Tokenizer(fixture);
    const text = 'In the beginning 😀 God created';
    const first = once.encode(text);
    once.encode('In the beginninginning God God createdcreated');
    expect(once.encode(text)).toEqual(first);
    expect(new Tokenizer(fixture).encode(text)).toEqual(first);
  });

  it('takes a text of 100,000 characters as one word', () => {
    const { ids, ends } = new Tokenizer(small()).encode('ab'.repeat(50_000));
    expect(ids).toHaveLength(50_000);
    expect(ends.at(-1)).toBe(100_000);
  });
});

describe('a tokenizer is refused', () => {
  const bytes = Object.fromEntries(
    Array.from({ length: 255 }, (_, i) => [`<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`, i]),
  );
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    [
      'that is not JSON',
      Buffer.from('{'),
      /Expected a tokenizer\.json \(Hugging Face\), found 1 bytes that are not JSON/,
    ],
    [
      'without a model',
      Buffer.from('{"version": "1.0"}'),
      /the tokenizer file to be one of a tokenizer\.json with a "model", found JSON with the fields version/,
    ],
    [
      'with an unknown model',
      small({}, { type: 'WordLevel' }),
      /the model to be one of BPE, WordPiece, Unigram, found "WordLevel"/,
    ],
    [
      'with an unknown normalizer',
      small({ normalizer: { type: 'Precompiled' } }),
      /the normalizer to be one of .*found "Precompiled"/,
    ],
    [
      'with an unknown normalizer in a sequence',
      small({ normalizer: { type: 'Sequence', normalizers: [{ type: 'Nmt' }] } }),
      /found "Nmt"/,
    ],
    [
      'with an unknown pre-tokenizer',
      small({ pre_tokenizer: { type: 'UnicodeScripts' } }),
      /the pre-tokenizer to be one of .*found "UnicodeScripts"/,
    ],
    [
      'with a step behind ByteLevel that does more than cut',
      small({
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [{ type: 'ByteLevel' }, { type: 'Digits' }, { type: 'Metaspace' }],
        },
      }),
      /expected a step after ByteLevel to be one of those that only cut, found "Metaspace"/,
    ],
    [
      'with ByteLevel before another model',
      small({ pre_tokenizer: { type: 'ByteLevel' } }, { type: 'WordPiece' }),
      /the model behind ByteLevel to be one of BPE, found "WordPiece"/,
    ],
    [
      'with a byte-level vocabulary that lacks bytes',
      small({ pre_tokenizer: { type: 'ByteLevel' } }),
      /one without 254 of the 256 bytes \(0x00, 0x01, /,
    ],
    ['that drops unknown characters', small({}, { unk_token: null }), /neither unk_token nor byte_fallback/],
    [
      'whose byte fallback lacks a byte',
      small({}, { unk_token: null, byte_fallback: true, vocab: { a: 300, ...bytes }, merges: [] }),
      /one without 1 of the 256 bytes \(0xff\)/,
    ],
    ['with dropout', small({}, { dropout: 0.1 }), /model\.dropout to be one of null, found 0\.1/],
    ['with a prefix inside words', small({}, { continuing_subword_prefix: '##' }), /model\.continuing_subword_prefix/],
    [
      'whose unknown token is missing',
      small({}, { unk_token: '[UNK]' }),
      /Expected the tokenizer's unk_token "\[UNK\]" in its vocabulary/,
    ],
    [
      'with a broken pattern',
      small({ pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }),
      /The tokenizer's pattern .* cannot be used/,
    ],
    [
      'with an unknown behavior',
      small({ pre_tokenizer: { type: 'Split', pattern: { String: 'x' }, behavior: 'Sideways' } }),
      /found "Sideways"/,
    ],
  ];

  it.each(cases)('%s', (_, json, message) => {
    expect(refusal(json).message).toMatch(message);
  });
});

it('a tokenizer whose steps hold steps without end is refused, whatever the stack', () => {
  const deep = `${'{"type":"Sequence","normalizers":['.repeat(20_000)}{"type":"NFC"}${']}'.repeat(20_000)}`;
  const text = new TextDecoder().decode(small()).replace(/}$/, `,"normalizer":${deep}}`);
  expect(refusal(new TextEncoder().encode(text)).message).toContain('more than 1000 levels');
});

describe('the summary of a tokenizer', () => {
  it('holds digest, size and the prepended id', () => {
    const summary = { digest: sha256Hex(fixture), vocabSize: 4096 };
    expect(summariseTokenizer(fixture, '<|endoftext|>')).toEqual({ ...summary, prependId: 0 });
    expect(summariseTokenizer(fixture, 17)).toEqual({ ...summary, prependId: 17 });
    expect(summariseTokenizer(fixture, null)).toEqual({ ...summary, prependId: null });
  });

  it('counts added tokens beyond the vocabulary', () => {
    const json = small({ added_tokens: [{ id: 9, content: '<s>', special: true }] });
    expect(summariseTokenizer(json, '<s>')).toMatchObject({ vocabSize: 10, prependId: 9 });
  });

  it('refuses a token that there is not, with those that there are', () => {
    expect(() => summariseTokenizer(fixture, '<s>')).toThrow(
      /model\.prepend: expected a token of the tokenizer, found "<s>", which it does not have; its special tokens are: <\|endoftext\|>/,
    );
    expect(() => summariseTokenizer(fixture, 4096)).toThrow(
      /model\.prepend: expected a token id from 0 to 4095, found 4096/,
    );
  });
});
