// What an extraction child is said to need, by hand: small numbers, and the measured model of the formula.
import { beforeAll, describe, expect, it } from 'vitest';
import { extractionMemory, extractionMemoryNote } from '../../../../pipeline/plan/extraction-memory.js';
import type { ResolvedRun } from '../../../../schemas/resolved-run.js';
import { tinyRun } from '../../../harness/tiny-run.js';

let tiny: ResolvedRun;
beforeAll(async () => {
  tiny = await tinyRun({
    corpus: { sources: ['corpus.jsonl.gz'], split: { field: 'split' }, shardTokens: 1000 },
    activations: { hooks: ['blocks.2.hook_resid_post'], batchTokens: 8192 },
    compute: { device: 'cpu' },
  });
});

interface Change {
  readonly width?: number;
  readonly sites?: number;
  readonly contextTokens?: number;
  readonly batchTokens?: number;
  readonly shardTokens?: number;
}

function change({ width = 768, sites = 1, ...change }: Change): ResolvedRun {
  const { file, model } = tiny;
  const { contextTokens = 128, batchTokens = 8192, shardTokens = 65_536 } = change;
  return {
    ...tiny,
    model: { ...model, width },
    sites: Array.from({ length: sites }, (_, i) => ({ name: `s${i}`, width })),
    file: {
      ...file,
      model: { ...file.model, contextTokens },
      activations: { ...file.activations, batchTokens },
      corpus: { ...file.corpus, shardTokens },
    },
  };
}

describe('memory of an extraction child', () => {
  it('is outputs twice, and twice the workspace of MLP and attention, and rows in waiting', () => {
    // 128 wide, 2 heads: 4 · (2·128 + 2·(12·128 + 2·2·128)) = 17,408 bytes per token; 1,000 rows of 128 halves.
    expect(extractionMemory(tiny)).toEqual({
      pass: 8192 * 17_408,
      rows: 1000 * 128 * 2,
      batchTokens: 128 * 2 ** 8,
    });
  });

  it('is near what was measured on a GPT-2 of the small size', () => {
    const perToken = (contextTokens: number, sites: number): number =>
      extractionMemory(change({ contextTokens, sites })).pass / 8192 / 1024;
    expect(perToken(128, 1)).toBe(102);
    expect(perToken(512, 1)).toBe(174);
    expect(perToken(128, 5) - perToken(128, 1)).toBe(24);
  });

  it('counts rows up to the memory that they may take, and one context where a pass has less', () => {
    expect(extractionMemory(change({ sites: 12 })).rows).toBe(128 * 2 ** 20);
    const { pass } = extractionMemory(change({ contextTokens: 1024, batchTokens: 16 }));
    expect(pass).toBe(extractionMemory(change({ contextTokens: 1024, batchTokens: 1024 })).pass);
  });
});

describe('the warning about it', () => {
  it('is not given where a child fits, on another device, or where nothing is extracted', () => {
    expect(extractionMemoryNote(tiny)).toBeNull();
    expect(extractionMemoryNote(change({ batchTokens: 8192 }))).toBeNull();
    const large = change({ batchTokens: 65_536 });
    expect(extractionMemoryNote(large)).not.toBeNull();
    expect(extractionMemoryNote({ ...large, engine: { ...large.engine, provider: 'cuda' } })).toBeNull();
    expect(extractionMemoryNote({ ...large, until: 'tokens' })).toBeNull();
  });

  it('names a value that fits, and the next higher one would not', () => {
    const run = change({ sites: 12 });
    expect(extractionMemoryNote(run)).toBe(
      'An extraction child is likely to need about 1472 MB besides its model, more than 1024 MB (activations.batchTokens: 8192). Set activations.batchTokens: 4096 or lower.',
    );
    expect(extractionMemoryNote(change({ sites: 12, batchTokens: 4096 }))).toBeNull();
  });

  it('names the context where not even one fits', () => {
    expect(extractionMemoryNote(change({ width: 8192, contextTokens: 8192 }))).toMatch(
      /One context of 8192 tokens takes as much: lower model\.contextTokens or take fewer sites per run\.$/,
    );
  });
});
