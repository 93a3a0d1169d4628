// Ids and offsets against Hugging Face's `tokenizers` (Rust, through Python): make_tokens.py made the numbers.
// Where a normaliser rewrites several characters together, Python gives a token one of them and we all: `covering`.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../../core/corpus/tokenizer/tokenizer.js';
import { TINY_LM, TOKENIZER } from '../../harness/fixtures.js';

interface Row {
  readonly text: string;
  readonly ids: readonly number[];
  readonly offsets: readonly number[];
  readonly covering?: readonly number[];
}

const here = new URL('.', import.meta.url);
const read = (name: string): Buffer => readFileSync(new URL(name, here));
const rowsOf = (name: string): Row[] => JSON.parse(read(`${name}.expected.json`).toString()) as Row[];

const KINDS = [
  'byte-level',
  'byte-level-prefix',
  'split-byte-level',
  'falcon',
  'any-case',
  'metaspace-fallback',
  'metaspace-first',
  'unigram',
  'word-piece',
  'word-piece-split',
  'word-suffix',
] as const;

describe.each(KINDS)('the %s tokenizer', (kind) => {
  const tokenizer = new Tokenizer(read(`${kind}.tokenizer.json`));
  const rows = rowsOf(kind);

  it('is compared on every text', () => {
    expect(rows.length).toBe(36);
    expect(rows.reduce((sum, row) => sum + row.ids.length, 0)).toBeGreaterThan(600);
  });

  it.each(rows)('gives the ids and offsets of Rust for $text', (row) => {
    const { ids, starts, ends } = tokenizer.encode(row.text);
    expect([...ids]).toEqual(row.ids);
    const offsets = [...starts].flatMap((start, i) => [start, ends[i]]);
    expect(offsets).toEqual(row.covering ?? row.offsets);
  });
});

it('differs from Python in offsets only where normalisation composes, reorders or replaces', () => {
  const differing = KINDS.filter((kind) => rowsOf(kind).some((row) => row.covering !== undefined));
  expect(differing).toEqual([
    'split-byte-level',
    'metaspace-first',
    'unigram',
    'word-piece',
    'word-piece-split',
    'word-suffix',
  ]);
});

it("tokenises the tiny language model's corpus as Rust does", () => {
  const tokenizer = new Tokenizer(readFileSync(TOKENIZER));
  const corpus = gunzipSync(readFileSync(`${TINY_LM}/corpus.jsonl.gz`)).toString();
  const texts = new Map<string, string>();
  for (const line of corpus.trim().split('\n')) {
    const { id, text } = JSON.parse(line) as { id: string; text: string };
    texts.set(id, text);
  }
  const rows = JSON.parse(read('fixture.expected.json').toString()) as {
    id: string;
    ids: number[];
    ends: number[];
  }[];
  expect(rows).toHaveLength(20);
  for (const { id, ids, ends } of rows) {
    const found = tokenizer.encode(texts.get(id) ?? '');
    expect([...found.ids], id).toEqual(ids);
    expect([...found.ends], id).toEqual(ends);
    // Plain text: tokens touch, so each starts where the one before ends.
    expect([...found.starts], id).toEqual([0, ...ends.slice(0, -1)]);
  }
});
