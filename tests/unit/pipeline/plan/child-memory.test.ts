// What trainings and encodings are said to need, by hand, and the warning before work starts where that is more than a child may have.
import { beforeAll, expect, it } from 'vitest';
import { BYTES_PER_TOKEN } from '../../../../core/corpus/shard-plan.js';
import { ARCHITECTURES } from '../../../../core/dictionaries/architectures.js';
import { oneSite } from '../../../../core/dictionaries/sites.js';
import { bytesOfStep } from '../../../../dictionaries/step-memory.js';
import { trainingSettings } from '../../../../dictionaries/step-settings.js';
import { childMemory, childMemoryNotes } from '../../../../pipeline/plan/child-memory.js';
import { ResourceError } from '../../../../schemas/errors.js';
import type { ResolvedRun, TrainedDictionary } from '../../../../schemas/resolved-run.js';
import { refuseTooLarge, type Trained } from '../../../../stages/train/memory.js';
import { tinyRun } from '../../../harness/tiny-run.js';

const HOOK = 'blocks.2.hook_resid_post';
let run: ResolvedRun;
let width: number;
beforeAll(async () => {
  const sae = { hook: HOOK, k: 16, tokens: 1e6, batchRows: 1000 };
  run = await tinyRun({
    corpus: { sources: ['corpus.jsonl.gz'], split: { field: 'split' }, shardTokens: 1000 },
    saes: [
      { ...sae, name: 'small', features: 1000 },
      { ...sae, name: 'large', features: 3000 },
    ],
  });
  width = run.sites[0]?.width ?? 0;
});

it('is the sum of what steps lay out and rows; of state, passes, tables', () => {
  const weights = (features: number): number => 4 * 2 * features * width;
  const base = 200 * 2 ** 20;
  const rows = (64 * 4096 + 65_536) * 2 * width;
  expect(childMemory(run)).toEqual([
    {
      step: `train@${HOOK}`,
      bytes: base + stepBytes('small') + stepBytes('large') + rows,
    },
    ...(
      [
        ['small', 1000],
        ['large', 3000],
      ] as const
    ).map(([name, features]) => ({
      step: `encode@${name}`,
      bytes: base + 2 * weights(features) + 3 * 64 * 2 ** 20 + 2 * 1000 * 2 * width,
    })),
    ...(
      [
        ['small', 1000],
        ['large', 3000],
      ] as const
    ).flatMap(([name, features]) => [
      { step: `index@${name}`, bytes: Math.ceil(base + 48 * Math.min(firings(), 8e6) + 24 * features) },
      {
        step: `profile@${name}`,
        bytes: Math.ceil(
          base +
            Math.max(48 * Math.min(firings(), 8e6), weights(features) + 8 * Math.min(firings(), 2 ** 26) + 2 ** 27),
        ),
      },
    ]),
  ]);
});

it('of frozen experts is that of one expert, and of the sample that routes are found on', async () => {
  const routed = await tinyRun({
    corpus: { sources: ['corpus.jsonl.gz'], split: { field: 'split' }, shardTokens: 1000 },
    saes: [{ hook: HOOK, k: 16, tokens: 1e6, batchRows: 1000, name: 'r', features: 4000, routed: { experts: 4, kind: 'frozen' } }], // prettier-ignore
  });
  const base = 200 * 2 ** 20;
  const all = new Map(childMemory(routed).map(({ step, bytes }) => [step, bytes]));
  const plain = await tinyRun({
    corpus: { sources: ['corpus.jsonl.gz'], split: { field: 'split' }, shardTokens: 1000 },
    saes: [{ hook: HOOK, k: 16, tokens: 250_000, batchRows: 1000, name: 'p', features: 1000 }],
  });
  expect(all.get('train@routed/r/experts')).toBe(childMemory(plain)[0]?.bytes);
  // 2^18 rows as halves and as floats, and a score for each of 4 experts.
  expect(all.get('train@routed/r/routes')).toBe(base + 2 ** 18 * (2 * width + 4 * width + 4 * 4));
});
/** What the steps of a dictionary lay out; tests/unit/dictionaries/step-memory.test.ts holds it against what is allocated. */
function stepBytes(name: string): number {
  const { sae } = run.dictionaries.find((own) => own.name === name) as TrainedDictionary;
  const shape = { sites: oneSite(width), features: sae.features, kind: ARCHITECTURES[sae.architecture] };
  return bytesOfStep(trainingSettings({ shape, sae, engine: run.engine, variance: 1 }));
}

/** 16 features fire on each of the corpus's tokens: gzip holds a 3.2nd of the text, a token BYTES_PER_TOKEN of it. */
const firings = (): number => ((run.parts.reduce((sum, { bytes }) => sum + bytes, 0) * 3.2) / BYTES_PER_TOKEN) * 16;

it('holds no neighbours of a dictionary that is too wide for them', async () => {
  const wide = await tinyRun({ index: { neighboursUpTo: 100 } });
  const profile = childMemory(wide).find(({ step }) => step === 'profile@a');
  const index = childMemory(wide).find(({ step }) => step === 'index@a');
  expect(profile?.bytes).toBe((index?.bytes ?? 0) - 24 * 2048);
});

it('is said for the largest of each kind, without a warning where it fits', () => {
  const { said, warning } = childMemoryNotes(run, 2 ** 40);
  expect(said).toMatch(
    new RegExp(
      `train@${HOOK.replaceAll('.', '\\.')} \\d+ MB, encode@large \\d+ MB, index@large \\d+ MB, profile@small \\d+ MB; a worker`,
    ),
  );
  expect(warning).toBe(null);
});

it('warns with step, both numbers and what to do where it is more than a child may have', () => {
  const [worst = { step: '', bytes: 0 }] = childMemory(run).sort((a, b) => b.bytes - a.bytes);
  const { warning } = childMemoryNotes(run, worst.bytes - 1);
  const needed = Math.ceil(worst.bytes / 2 ** 20);
  expect(warning).toContain(`${worst.step} is likely to need about ${needed} MB in one compute child, more than the`);
  expect(warning).toContain('fewer --slots or a larger --memory');
  expect(childMemoryNotes(run, 1).warning).toContain('(and 6 more)');
});

it('names the largest width of a training that fits, in the plan and where a child has less than a training needs', async () => {
  const wide = await tinyRun({
    saes: [{ name: 'wide', hook: HOOK, k: 16, tokens: 1e6, batchRows: 1024, features: 2 ** 20 }],
  });
  const [train] = childMemory(wide).filter(({ step }) => step.startsWith('train@'));
  const limit = 2 * 2 ** 30;
  expect(train?.bytes).toBeGreaterThan(limit);
  const { warning } = childMemoryNotes(wide, limit);
  const [, said = ''] = /The largest that fits has ([\d,]+) features\./.exec(warning ?? '') ?? [];
  const most = Number(said.replaceAll(',', ''));
  expect(most).toBeGreaterThan(2 ** 17);

  const { sae } = wide.dictionaries[0] as TrainedDictionary;
  const trained = (features: number): Trained => ({
    ...{ name: 'wide', sae: { ...sae, features }, engine: wide.engine, dtype: wide.file.activations.dtype },
    shape: { sites: oneSite(width), features, kind: ARCHITECTURES[sae.architecture] },
  });
  expect(() => refuseTooLarge([trained(most)], limit)).not.toThrow();
  expect(() => refuseTooLarge([trained(2 ** 20)], undefined)).not.toThrow();
  const refusal = (): void => refuseTooLarge([trained(2 ** 20)], limit);
  expect(refusal).toThrow(ResourceError);
  expect(refusal).toThrow(
    `Expected a training that fits the 2048 MB of a compute child, found that "wide" of 1048576 features needs ${Math.ceil((train?.bytes ?? 0) / 2 ** 20)} MB. The largest that fits has ${said} features. Give the worker a larger --memory or fewer --slots, or lower saes.features or saes.batchRows.`,
  );
});
