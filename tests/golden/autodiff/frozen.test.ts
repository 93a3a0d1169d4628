// Stop tensors against what they mean: with attention patterns, norm scales and MLP activations held fast, a decoder is a linear
// function of its residual stream. The gradient past these stops then predicts the change of the loss for steps of any size
// in the network in which they are really held at their recorded values.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSites } from '../../../core/hooks/read.js';
import { matchSites, resolveSites } from '../../../core/hooks/sites.js';
import { spliceSites } from '../../../core/hooks/splice.js';
import type { GraphBuilder } from '../../../core/onnx/builder.js';
import { decodeModel } from '../../../core/onnx/codec.js';
import { cutToTensors } from '../../../core/onnx/cut.js';
import { upgradeOpset } from '../../../core/onnx/passes/upgrade-opset.js';
import type { Value } from '../../../core/onnx/shape.js';
import { asFloat32, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import type { TensorValue } from '../../../runtime/session.js';
import { buildSiteVjp } from '../../../models/vjp.js';
import { EXPORTS } from '../../harness/fixtures.js';
import { tensorOf } from '../reference.js';
import { openFixture, runFixture } from './run-fixture.js';

const STREAM = 'blocks.0.hook_resid_pre';
const HELD = [
  'blocks.*.attn.hook_pattern',
  'blocks.*.ln1.hook_scale',
  'blocks.*.ln2.hook_scale',
  'blocks.*.mlp.hook_post',
  'ln_final.hook_scale',
];

describe.each(['gpt2.dynamo', 'gpt2.legacy', 'llama.dynamo', 'llama.legacy', 'neox.dynamo'])(
  'stops at patterns, norm scales and MLP activations of %s',
  (file) => {
    it('leave the linear part, whose gradient holds for steps of any size', async () => {
      const model = upgradeOpset(decodeModel(readFileSync(`${EXPORTS}/${file}.onnx`)));
      const reference = decodeSafetensors(readFileSync(`${EXPORTS}/${file.split('.')[0] ?? ''}.reference.safetensors`));
      const all = resolveSites(model).sites;
      const held = matchSites(HELD, all).sites;
      const stream = matchSites([STREAM], all).sites;
      expect(held.length).toBe(9);
      const vjp = buildSiteVjp(model, { outputs: ['logits'], wrt: [STREAM], stop: HELD });
      const gradient = (await runFixture(vjp, reference))[`grad.${STREAM}`] as TensorValue;
      const slope = gradient.data as Float32Array;
      const read = readSites(model, held);
      const recorded = await runFixture(
        cutToTensors(
          read.model,
          read.tensors.map((tensor) => ({ tensor })),
        ).model,
        reference,
      );
      const fed = Object.fromEntries(
        held.map((site, i) => [`held.${site.name}`, recorded[read.tensors[i] ?? ''] as TensorValue]),
      );
      const spliced = spliceSites(model, [
        ...held.map((site) => ({
          site,
          edit: (g: GraphBuilder, value: Value) =>
            g.op('Identity', [g.input(`held.${site.name}`, value.dtype, value.shape ?? [])]),
        })),
        ...stream.map((site) => ({
          site,
          edit: (g: GraphBuilder, value: Value) =>
            g.op('Add', [value, g.input('step', value.dtype, value.shape ?? [])]),
        })),
      ]);
      // ONNX Runtime's optimiser makes an invalid graph of a Cast to its own type whose other reader was cut (llama.legacy).
      const frozen = await openFixture(cutToTensors(spliced, [{ tensor: 'logits' }]).model, reference, 'disabled');
      const cotangent = asFloat32(tensorOf(reference, 'cotangent'));
      const random = new KeyedRandom('frozen', file);
      const direction = slope.map(() => random.nextFloat() - 0.5);
      const loss = async (size: number): Promise<number> => {
        const data = direction.map((x) => x * size);
        const { logits } = await frozen.run({ ...fed, step: { dtype: 'float32', dims: gradient.dims, data } });
        return cotangent.reduce((sum, x, i) => sum + x * Number(logits?.data[i]), 0);
      };
      const predicted = slope.reduce((sum, x, i) => sum + x * (direction[i] as number), 0);
      const [before, ...after] = [await loss(0), await loss(1), await loss(100)];
      await frozen.close();
      const scale = Math.hypot(...slope) * Math.hypot(...direction);
      expect(Math.abs(after[0] - before - predicted) / scale).toBeLessThan(1e-5);
      expect(Math.abs(after[1] - before - 100 * predicted) / (100 * scale)).toBeLessThan(1e-5);
    });
  },
);
