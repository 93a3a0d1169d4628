// Eight steps of every optimiser with given gradients against torch.optim in float64 (make_training.py), clipping included.
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../core/onnx/builder.js';
import { asFloat32, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { buildClipFactor, buildGlobalNorm, buildSquaredNorms } from '../../../core/optimise/clip.js';
import type { OptimiserName, OptimiserSettings } from '../../../core/optimise/optimisers/optimiser.js';
import { OPTIMISERS } from '../../../core/optimise/optimisers/optimisers.js';
import { asFloat64, largestError, tensorOf } from '../reference.js';
import { floats, readJson, readTensors, runGraph } from './training-run.js';

interface Recorded {
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly decay: number;
  readonly clip: number | null;
  readonly norms: readonly number[];
}
const recorded = (readJson('training.json') as { optimisers: Record<string, Recorded> }).optimisers;
const tensors = readTensors('optimisers.safetensors');
const tensor = (name: string): Float32Array => asFloat32(tensors.get(name) as SafeTensor);
const PARAMETERS = [
  { name: 'matrix', shape: [4, 3], kind: 'matrix' },
  { name: 'vector', shape: [5], kind: 'vector' },
] as const;

function settingsOf(name: string, of: Recorded): OptimiserSettings {
  return {
    kind: (name.split('_')[0] ?? '') as OptimiserName,
    betas: of.betas ?? [0.9, 0.999],
    epsilon: of.eps ?? 1e-8,
    weightDecay: of.decay,
    momentum: of.momentum ?? 0,
    nesterov: of.nesterov ?? false,
  };
}

/** One step over both parameters. */
function buildStep(settings: OptimiserSettings, clipNorm: number | null): GraphBuilder {
  const g = new GraphBuilder('step');
  const row = OPTIMISERS[settings.kind];
  const gradients = PARAMETERS.map(({ name, shape }) => g.input(`grad.${name}`, 'float32', shape));
  const norm = buildGlobalNorm(g, buildSquaredNorms(g, gradients));
  const clip = clipNorm === null ? null : buildClipFactor(g, norm, clipNorm);
  const names = Object.keys(row.factors(settings, { lr: 1, step: 1 }));
  const factors = Object.fromEntries(names.map((name) => [name, g.input(name, 'float32', [])]));
  PARAMETERS.forEach(({ name, shape, kind }, i) => {
    const kinds = row.state(settings);
    const state = kinds.map((tensor) => [tensor, g.input(`${tensor}.${name}`, 'float32', shape)]);
    const slot = {
      kind,
      parameter: g.input(name, 'float32', shape),
      gradient: gradients[i] as (typeof gradients)[number],
      clip,
      state: Object.fromEntries(state) as Record<string, (typeof gradients)[number]>,
      factors,
    };
    const updated = row.buildUpdate(g, slot, settings);
    g.output(updated.parameter, `new.${name}`);
    for (const tensor of kinds) g.output(updated.state[tensor] as (typeof gradients)[number], `new.${tensor}.${name}`);
  });
  g.output(norm, 'norm');
  return g;
}

describe('eight steps', () => {
  it.each(Object.entries(recorded))('of %s move parameters as torch.optim does', async (name, of) => {
    const settings = settingsOf(name, of);
    const row = OPTIMISERS[settings.kind];
    const graph = buildStep(settings, of.clip);
    const kinds = row.state(settings);
    let state: Record<string, Float32Array> = {};
    for (const { name: parameter, shape } of PARAMETERS) {
      state[parameter] = tensor(`start.${parameter}`);
      for (const kind of kinds)
        state[`${kind}.${parameter}`] = new Float32Array(shape.reduce<number>((a, b) => a * b, 1));
    }
    for (let step = 0; step < 8; step++) {
      const numbers = row.factors(settings, { lr: 0.02 * (step + 1), step: step + 1 });
      const feeds = Object.fromEntries([
        ...Object.entries(numbers).map(([key, value]) => [key, floats(Float32Array.of(value), [])]),
        ...PARAMETERS.flatMap(({ name: parameter, shape }) => {
          const length = shape.reduce<number>((a, b) => a * b, 1);
          const all = tensor(`grad.${parameter}`);
          const gradient = all.slice(step * length, (step + 1) * length);
          const own = [parameter, ...kinds.map((kind) => `${kind}.${parameter}`)];
          return [
            [`grad.${parameter}`, floats(gradient, shape)],
            ...own.map((key) => [key, floats(state[key] as Float32Array, shape)]),
          ];
        }),
      ]) as Record<string, ReturnType<typeof floats>>;
      const outputs = await runGraph(graph, feeds);
      expect(Math.abs((outputs['norm']?.[0] ?? NaN) / (of.norms[step] ?? NaN) - 1)).toBeLessThan(1e-6);
      state = Object.fromEntries(Object.keys(state).map((key) => [key, outputs[`new.${key}`] as Float32Array]));
    }
    for (const { name: parameter } of PARAMETERS) {
      const exact = asFloat64(tensorOf(tensors, `${name}.${parameter}`));
      expect(largestError(state[parameter] as Float32Array, exact), parameter).toBeLessThan(1e-6);
    }
  });
});
