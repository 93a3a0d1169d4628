// The training task itself: it learns, resumes exactly wherever it was stopped, keeps what was good when numbers break.
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../../../core/tensor/safetensors.js';
import { DataError, InputError } from '../../../../schemas/errors.js';
import type { Checkpoint } from '../../../../stages/language-model/messages.js';
import { readTable } from '../../../../storage/tables/read.js';
import { failureOf } from '../../../harness/failure-of.js';
import { CONTEXT, digests, makeWorld, runInLinks, runTask, smallConfig, writeTensors } from './harness.js';

describe('a training', () => {
  it('learns, logs the steps that it should and measures calib and test with their counts', async () => {
    const { request } = await makeWorld();
    const { output, checkpoint, engine } = await runTask(request);
    expect(checkpoint).toBeNull();
    expect(engine).toMatchObject({ provider: 'cpu', threads: 1 });
    const files = new Map(output?.files.map((file) => [file.table, file]));
    expect([...files.keys()]).toEqual(['model', 'weights', 'training']);
    const { columns } = await readTable('training', files.get('training')?.path ?? '');
    const rows = columns.split.map((split, i) => `${split} ${columns.step[i] ?? ''}`);
    expect(rows).toEqual([
      ...['fit 3', 'fit 6', 'fit 9', 'calib 10', 'fit 12', 'fit 15', 'fit 18', 'calib 20'],
      ...['fit 21', 'fit 24', 'calib 24', 'test 24'],
    ]);
    // Every fit row counts its targets: step · 4 contexts · 8 tokens.
    expect([...columns.tokens].slice(0, 3)).toEqual([3 * 32, 6 * 32, 9 * 32]);
    expect(columns.fvu.every(Number.isNaN)).toBe(true);
    const { losses, ...counts } = output?.statistics as Record<string, never>;
    // ⌊100 / 9⌋ = 11 windows of 8 targets, ⌊150 / 9⌋ = 16.
    expect(losses).toMatchObject({ calib: { tokens: 88 }, test: { tokens: 128 } });
    expect(counts).toMatchObject({ steps: 24, tokens: 24 * 32, streamTokens: 400 });
    expect(columns.loss[9]).toBeLessThan((columns.loss[0] ?? 0) - 0.1);
  });

  it('is the same bytes wherever it is stopped and taken up again', async () => {
    const config = smallConfig({ training: { steps: 7, validateEverySteps: 3 } });
    const whole = digests(await runTask((await makeWorld(config)).request));
    for (const proceeds of [() => 1, () => 2, (link: number) => 1 + ((link * 2) % 3)]) {
      const { response, links } = await runInLinks(await makeWorld(config), proceeds);
      expect(links).toBeGreaterThan(1);
      expect(digests(response)).toEqual(whole);
    }
  }, 60_000);

  it('is the same bytes however often it writes checkpoints', async () => {
    const { request } = await makeWorld();
    const whole = digests(await runTask(request));
    const steps: number[] = [];
    const often = await runTask(
      { ...request, spool: `${request.spool}-2`, checkpointMs: 0 },
      { onCheckpoint: ({ state }) => void steps.push(state.step) },
    );
    expect(digests(often)).toEqual(whole);
    expect(steps.length).toBeGreaterThan(2);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
  });

  it('goes on from any checkpoint that was handed over', async () => {
    const { request } = await makeWorld();
    const whole = digests(await runTask(request));
    const kept: Checkpoint[] = [];
    const bytes = new Map<number, Buffer>();
    await runTask(
      { ...request, spool: `${request.spool}-2`, checkpointMs: 0 },
      {
        onCheckpoint: async (checkpoint) => {
          kept.push(checkpoint);
          bytes.set(checkpoint.state.step, await readFile(checkpoint.file.path));
        },
      },
    );
    const { writeFile } = await import('node:fs/promises');
    for (const { state } of kept) {
      const file = path.join(request.spool, `kept-${state.step}`);
      await writeFile(file, bytes.get(state.step) ?? '');
      const checkpoint = { path: file, state };
      const spool = `${request.spool}-${state.step}-again`;
      expect(digests(await runTask({ ...request, spool, checkpoint }))).toEqual(whole);
    }
  });

  it('writes nothing where it is stopped before the first step', async () => {
    const { request } = await makeWorld();
    const { checkpoint, output } = await runTask(request, { proceeds: 0 });
    expect([checkpoint, output]).toEqual([null, null]);
  });

  it('returns a checkpoint at the time limit, after one chunk at least', async () => {
    const { request } = await makeWorld();
    const { checkpoint, output } = await runTask({ ...request, limitMs: 0 });
    expect(output).toBeNull();
    expect(checkpoint?.state.step).toBe(1);
  });
});

describe('the order of data', () => {
  it('follows the seed of the file, not that of the weights', async () => {
    const lossOf = async (data: { seed: number }, init: { seed: number }): Promise<unknown> => {
      const rest = { data: { sampling: 'epochs', ...data }, init } as const;
      const { output } = await runTask((await makeWorld(smallConfig({ rest }))).request);
      return output?.statistics['losses'];
    };
    const base = await lossOf({ seed: 5 }, { seed: 1 });
    expect(await lossOf({ seed: 5 }, { seed: 1 })).toEqual(base);
    expect(await lossOf({ seed: 6 }, { seed: 1 })).not.toEqual(base);
    expect(await lossOf({ seed: 5 }, { seed: 2 })).not.toEqual(base);
  });

  it('is that of given batches, which must lie within the stream', async () => {
    const data = { batches: 'digest', tensor: 'offsets' };
    const config = smallConfig({ rest: { data }, training: { steps: 3, batch: 2 } });
    const { request, folder } = await makeWorld(config);
    const batches = path.join(folder, 'batches.safetensors');
    const last = 400 - CONTEXT - 1;
    const write = (...offsets: number[]): Promise<string> =>
      writeTensors(batches, { offsets: { shape: [3, 2], data: Int32Array.from(offsets) } });
    await write(0, 5, last, 7, 8, 9);
    const good = await runTask({ ...request, batches });
    expect(good.output?.statistics).toMatchObject({ steps: 3 });
    await write(0, 5, 1, 7, last + 1, 9);
    const error = await failureOf(runTask({ ...request, batches }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toBe(
      `training.batches: expected offsets of at most ${last} (a stream of 400 tokens, contexts of 8 and their last target), found offsets[2, 0] = ${last + 1}; the offsets belong to another stream: look at training.splits, order and prepend.`,
    );
  });

  it('needs a stream of one context and its last target', async () => {
    const { request } = await makeWorld(smallConfig(), { tokens: CONTEXT });
    const error = await failureOf(runTask(request));
    expect(error.message).toBe(
      'Expected a training stream of more than 8 tokens (one context and its last target), found 8; give more text, or lower contextTokens.',
    );
  });
});

describe('loss weights', () => {
  const ones = (tokens: number): Float32Array => new Float32Array(tokens).fill(1);

  it('of 1 everywhere train what no weights train, to float accuracy', async () => {
    const plain = await runTask((await makeWorld()).request);
    const weighted = await runTask((await makeWorld(smallConfig(), { weights: ones })).request);
    const [a, b] = [plain, weighted].map(({ output }) => output?.statistics['losses'] as { test: { loss: number } });
    expect(b?.test.loss).toBeCloseTo(a?.test.loss ?? NaN, 4);
  });

  it('are those of the targets: a token of weight 0 is never learnt', async () => {
    // Tokens of even places weigh nothing, so the loss counts targets at odd places alone.
    const weights = (tokens: number): Float32Array => Float32Array.from({ length: tokens }, (_, i) => i % 2);
    const { request } = await makeWorld(smallConfig(), { weights });
    const { output } = await runTask(request);
    const plain = await runTask((await makeWorld()).request);
    expect(output?.statistics['losses']).not.toEqual(plain.output?.statistics['losses']);
  });

  it('must not all be 0 in a step', async () => {
    const weights = (tokens: number): Float32Array => new Float32Array(tokens);
    const error = await failureOf(runTask((await makeWorld(smallConfig(), { weights })).request));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toContain('all 32 of step 0 are 0');
  });
});

describe('numbers that break', () => {
  it('stop the training with step and tensor and keep the state before', async () => {
    const schedule = { lr: 1e30, warmupSteps: 0, decay: 'constant', finalFraction: 1 } as const;
    const { request } = await makeWorld(smallConfig({ training: { schedule, clipNorm: null } }));
    const kept: Checkpoint[] = [];
    let tensors = new Map<string, { bytes: Uint8Array }>();
    const error = await failureOf(
      runTask(request, {
        onCheckpoint: async (checkpoint) => {
          kept.push(checkpoint);
          tensors = decodeSafetensors(await readFile(checkpoint.file.path));
        },
      }),
    );
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(
      /^Expected finite numbers in training step \d+, found NaN or infinity in .+\. The last good checkpoint is kept; lower training\.schedule\.lr, give it warmupSteps, or set training\.clipNorm\.$/,
    );
    const details = error instanceof DataError ? error.details : {};
    const { step, tensor } = details as { step: number; tensor: string };
    expect(step).toBeGreaterThan(0);
    expect(tensor).toMatch(/weight|bias|loss/);
    expect(kept).toHaveLength(1);
    expect(kept[0]?.state.step).toBeLessThan(step);
    for (const { bytes } of tensors.values()) {
      const values = new Float32Array(new Uint8Array(bytes).buffer);
      expect(values.every(Number.isFinite)).toBe(true);
    }
  });
});
