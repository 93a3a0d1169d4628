// Continuations against PyTorch's on the tiny language model, greedy, with and without an edit, in both of its exports; and decoded
// text against Hugging Face's tokenizers. make_generate.py made the numbers.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Tokenizer } from '../../../core/corpus/tokenizer/tokenizer.js';
import { encodeSafetensors, safeTensor } from '../../../core/tensor/safetensors.js';
import { parseEdit } from '../../../models/edit-grammar.js';
import { generate } from '../../../models/generation/generate.js';
import { TINY_FILES, TINY_LM, TOKENIZER } from '../../harness/fixtures.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

interface Recorded {
  readonly ids: readonly number[];
  readonly p: readonly number[];
  readonly pOther: readonly number[];
}

interface Golden {
  readonly rows: readonly {
    readonly text: string;
    readonly tokens: number;
    readonly prepended: boolean;
    readonly prompt: readonly number[];
    readonly greedy: Recorded;
    readonly steered: Recorded;
  }[];
  readonly decoded: Readonly<Record<string, { readonly ids: readonly number[]; readonly text: string }>>;
}

const here = new URL('.', import.meta.url);
const golden = JSON.parse(readFileSync(new URL('generate.json', here), 'utf8')) as Golden;
/** Of probabilities, float32 against float32. */
const TOLERANCE = 2e-5;

const folder = temporaryFolder('generate');
beforeAll(async () => {
  const direction = Float32Array.from({ length: 128 }, (_, j) => 3 * Math.cos(j));
  const tensors = new Map([['v', safeTensor(direction, [128])]]);
  await writeFile(join(folder, 'v.safetensors'), Buffer.concat(encodeSafetensors(tensors)));
});

function expectClose(found: readonly (number | null)[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  found.forEach((p, i) => {
    expect(Math.abs((p ?? NaN) - (expected[i] as number))).toBeLessThan(TOLERANCE);
  });
}

describe.each(TINY_FILES)('%s', (file) => {
  it.each(golden.rows)('continues $text as PyTorch does, with and without the edit', async (row) => {
    const tokenizer = new Tokenizer(readFileSync(TOKENIZER));
    expect([...(row.prepended ? [0] : []), ...tokenizer.encode(row.text).ids]).toEqual(row.prompt);
    const { texts } = await generate(join(TINY_LM, file), {
      ...{ texts: [row.prompt], tokens: row.tokens, sampling: null },
      edits: { list: [parseEdit('blocks.1.hook_resid_post=add:v.safetensors#v,at=3:')], folder, where: String },
      engine: { provider: 'cpu', threads: 1, optimisation: 'all' },
      signal: new AbortController().signal,
    });
    const [found] = texts;
    expect(found?.plain.tokens.map(({ id }) => id)).toEqual(row.greedy.ids);
    expectClose(found?.plain.tokens.map(({ plain }) => plain) ?? [], row.greedy.p);
    expectClose(found?.plain.tokens.map(({ edited }) => edited) ?? [], row.greedy.pOther);
    expect(found?.edited?.tokens.map(({ id }) => id)).toEqual(row.steered.ids);
    expectClose(found?.edited?.tokens.map(({ edited }) => edited) ?? [], row.steered.p);
    expectClose(found?.edited?.tokens.map(({ plain }) => plain) ?? [], row.steered.pOther);
    // 128 positions hold the prompt and what follows it.
    const stop = row.prompt.length + row.tokens > 128 ? 'context' : 'tokens';
    expect([found?.plain.stop, found?.edited?.stop]).toEqual([stop, stop]);
  });
});

describe('a decoder of tokens', () => {
  it.each(Object.entries(golden.decoded))('gives the text that Rust gives for %s', (kind, { ids, text }) => {
    const tokenizer = new Tokenizer(readFileSync(new URL(`../tokens/${kind}.tokenizer.json`, here)));
    const decoder = tokenizer.decoder();
    expect(ids.map((id) => decoder.push(id)).join('') + decoder.end()).toBe(text);
  });
});
