// `model generate`: draws that repeat by seed and are given to both models alike, models of fixed sizes, characters that several tokens
// share, what is printed, and what is refused.
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Tokenizer } from '../../../core/corpus/tokenizer/tokenizer.js';
import { drawToken, mostLikely, requireNumbers, tokenProbability } from '../../../core/language-model/next-token.js';
import { decodeModel, encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { graphOf } from '../../../core/onnx/cut.js';
import { modelGenerateDocument } from '../../../schemas/documents/models.js';
import { DataError } from '../../../schemas/errors.js';
import { EXPORTS, TINY_LM, TOKENIZER } from '../../harness/fixtures.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runCli, type CliResult } from '../cli/harness.js';

const MODEL = join(TINY_LM, 'model.onnx');
const folder = temporaryFolder('generate-command');

/** The model that takes 2 rows of 24 tokens and nothing else. */
beforeAll(async () => {
  const model = decodeModel(await readFile(MODEL));
  const graph = graphOf(model);
  const input = graph.input.map((info) => {
    const { tensorType } = info.type ?? {};
    const dim = [2, 24].map((dimValue) => ({ dimValue }));
    return { ...info, type: { ...info.type, tensorType: { ...tensorType, shape: { dim } } } };
  });
  const fixed = { ...model, graph: { ...graph, input } } as typeof model;
  await writeFile(join(folder, 'fixed.onnx'), joinChunks(encodeModel(fixed)));
});

function run(
  argv: readonly string[],
  options: { readonly isTTY?: boolean; readonly stdin?: string } = {},
): Promise<CliResult> {
  return runCli(['model', 'generate', ...argv, '--tokenizer', TOKENIZER], { cwd: folder, ...options });
}

async function generated(...argv: string[]) {
  const result = await run([...argv, '--json']);
  expect(result, result.err).toMatchObject({ code: 0 });
  return modelGenerateDocument.parse(result.json());
}

describe('the choice of a token', () => {
  const logits = Float32Array.of(0, Math.log(3), -Infinity, Math.log(4), Math.log(4));

  it('is the most likely one, of equals the lower id', () => {
    expect(mostLikely(logits)).toBe(3);
  });

  it('is drawn by the inverse of the cumulated probabilities in the order of ids', () => {
    // p = 1/12, 3/12, 0, 4/12, 4/12
    const drawn = (u: number, sampling = { temperature: 1, topK: null as number | null }): number =>
      drawToken(logits, sampling, u);
    expect([0, 0.08, 0.09, 0.33, 0.34, 0.66, 0.67, 0.999999].map((u) => drawn(u))).toEqual([0, 0, 1, 1, 3, 3, 4, 4]);
    // The two largest: p = 1/2, 1/2.
    expect([0, 0.49, 0.51].map((u) => drawn(u, { temperature: 1, topK: 2 }))).toEqual([3, 3, 4]);
    // p^2: 1, 9, 16, 16 of 42.
    expect([0.023, 0.024, 0.237, 0.239].map((u) => drawn(u, { temperature: 0.5, topK: null }))).toEqual([0, 1, 1, 3]);
    expect(tokenProbability(logits, 1)).toBeCloseTo(0.25, 7);
  });

  it('is refused where logits are no numbers', () => {
    expect(() => {
      requireNumbers(Float32Array.of(1, NaN), 'here');
    }).toThrow(DataError);
    expect(() => {
      requireNumbers(Float32Array.of(-Infinity), 'here');
    }).toThrow('found no finite one');
  });
});

describe('texts that are drawn', () => {
  const drawing = ['--text', 'And it came to pass', '--text', 'Jesus answered', '--tokens', '12', '--seed', '5'];

  it('are the same for the same seed, others for another, and so under an edit that changes nothing', async () => {
    const first = await generated(MODEL, ...drawing, '--edit', 'blocks.1.hook_mlp_out=scale:1');
    expect(await generated(MODEL, ...drawing, '--edit', 'blocks.1.hook_mlp_out=scale:1')).toEqual(first);
    for (const { plain, edited } of first.texts) {
      expect(edited?.tokens.map(({ id }) => id)).toEqual(plain.tokens.map(({ id }) => id));
      for (const { p } of plain.tokens) expect(Math.abs(p.plain - (p.edited ?? NaN))).toBeLessThan(1e-6);
    }
    const other = await generated(MODEL, ...drawing.slice(0, -1), '6');
    expect(other.texts.map(({ plain }) => plain.text)).not.toEqual(first.texts.map(({ plain }) => plain.text));
    expect(first.sampling).toEqual({ seed: 5, temperature: 1, topK: null });
    const greedy = await generated(MODEL, '--text', 'And it came to pass', '--tokens', '12');
    const one = await generated(MODEL, '--text', 'And it came to pass', '--tokens', '12', '--top-k', '1');
    expect(one.texts[0]?.plain).toEqual(greedy.texts[0]?.plain);
    expect(greedy).toMatchObject({ sampling: null, contextTokens: 128, texts: [{ edited: null }] });
  });
});

describe('a model that fixes its sizes', () => {
  it('continues as the one that does not, to the end of its context', async () => {
    const argv = ['--text', 'And it came to pass', '--tokens', '40', '--edit', 'blocks.1.hook_mlp_out=ablate,at=2:'];
    const [fixed, free] = [await generated(join(folder, 'fixed.onnx'), ...argv), await generated(MODEL, ...argv)];
    expect(fixed.contextTokens).toBe(24);
    const [few, many] = [fixed.texts[0], free.texts[0]];
    expect(few?.ids.length).toBe(5);
    expect(few?.plain).toMatchObject({ stop: 'context' });
    expect(many?.plain).toMatchObject({ stop: 'tokens' });
    const ids = (of: typeof few, which: 'plain' | 'edited'): number[] => of?.[which]?.tokens.map(({ id }) => id) ?? [];
    expect(ids(few, 'plain')).toEqual(ids(many, 'plain').slice(0, 19));
    expect(ids(few, 'edited')).toEqual(ids(many, 'edited').slice(0, 19));
    const text = await run([join(folder, 'fixed.onnx'), '--text', 'And it came to pass']);
    expect(text.out).toContain("Ended where the model's context of 24 tokens was full.");
  });

  it('refuses positions that are counted from the end', async () => {
    const result = await run([
      join(folder, 'fixed.onnx'),
      '--text',
      'A',
      '--edit',
      'blocks.1.hook_mlp_out=ablate,at=-1',
    ]);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain('because the model takes contexts of exactly 24 tokens');
  });
});

describe('an edit that counts from the end', () => {
  it('acts on the last token of every context, and its probabilities are told so', async () => {
    const argv = ['--text', 'And it came to pass', '--tokens', '4', '--edit', 'blocks.3.hook_resid_post=ablate,at=-1'];
    const { texts } = await generated(MODEL, ...argv);
    // The stream of the last token is 0 whatever went before: every token has the same probability each time.
    const tokens = texts[0]?.edited?.tokens ?? [];
    expect(new Set(tokens.map(({ id }) => id)).size).toBe(1);
    expect(new Set(tokens.map(({ p }) => p.edited?.toPrecision(6))).size).toBe(1);
    const [a, b] = texts[0]?.plain.tokens ?? [];
    expect(a?.p.edited).not.toBeNull();
    expect(a?.id).not.toBe(b?.id);
  });
});

describe('a character of several tokens', () => {
  it('is told once it is whole, and as U+FFFD where it stays broken', () => {
    const tokenizer = new Tokenizer(readFileSync(TOKENIZER));
    const ids = [...tokenizer.encode('☃ é').ids];
    expect(ids.length).toBeGreaterThan(4);
    const decoder = tokenizer.decoder();
    const pieces = ids.map((id) => decoder.push(id));
    expect(pieces.slice(0, 3)).toEqual(['', '', '☃']);
    expect(pieces.join('') + decoder.end()).toBe('☃ é');
    const broken = tokenizer.decoder();
    expect([broken.push(ids[0] ?? 0), broken.push(0), broken.push(5000), broken.end()]).toEqual([
      '',
      '\ufffd<|endoftext|>',
      '\ufffd',
      '',
    ]);
  });
});

describe('what a person sees', () => {
  it('are both continuations side by side, redrawn as they grow on a terminal', async () => {
    const argv = [MODEL, '--text', 'And it came to pass', '--tokens', '6', '--edit', 'blocks.1.hook_mlp_out=ablate'];
    const piped = await run(argv);
    expect(piped.out.split('\n').slice(0, 2)).toEqual([
      '"And it came to pass"',
      expect.stringMatching(/^as it is +edited$/) as string,
    ]);
    expect(piped.out.split('\n')[2]).toMatch(/^ , when.* {2,}.+$|^, when.* {2,}.+$/);
    expect(piped.err).toMatch(/12 tokens in \d+\.\d s \(\d+ per second\)/);
    const terminal = await run(argv, { isTTY: true });
    expect(terminal.out.match(/as it is/g)?.length).toBeGreaterThan(12);
    const same = await run([...argv.slice(0, -1), 'blocks.1.hook_mlp_out=scale:1']);
    expect(same.out).toContain('The edit changes no token of this text.');
  });
});

describe('model generate', () => {
  it.each([
    [[join(EXPORTS, 'bert.dynamo.onnx'), '--text', 'A'], 'expected a causal language model'],
    [[MODEL, '--text', ''], 'Expected a text with at least one token in --text, found none'],
    [[MODEL, '--text', 'and '.repeat(200)], 'Expected texts of fewer than 128 tokens (what the model'],
    [[MODEL, '--text', 'A', '--temperature', '0'], 'Expected a number above 0'],
    [[MODEL, '--text', 'A', '--seed', '-1'], 'Expected a whole number from 0 to 4294967295'],
    [[MODEL, '--text', 'A', '--prepend', '<eos>'], '--prepend: expected a token of the tokenizer, found "<eos>"'],
    [[MODEL, '--text', 'A', '--edit', 'blocks.9.hook_mlp_out=ablate'], 'Unknown site "blocks.9.hook_mlp_out"'],
    [[MODEL, '--text', 'A', '--edit', 'kjv/l2#7=ablate'], 'Expected a store, found none'],
  ])('refuses %j with 2 and says why', async (argv, message) => {
    const result = await run(argv);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain(message);
  });
});
