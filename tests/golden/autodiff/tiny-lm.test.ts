// Gradients of every parameter of the tiny language model against PyTorch's (tests/fixtures/tiny-lm/make_tiny_lm.py): mean
// next-token loss in nats over all but the last position, both exporters, ONNX Runtime's optimiser off and fully on. The
// exporters rename, transpose and split parameters, so they are recognised by their values.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { appendGradients } from '../../../core/autodiff/backward.js';
import { GraphBuilder } from '../../../core/onnx/builder.js';
import { decodeModel, encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { cutToTensors, graphOf } from '../../../core/onnx/cut.js';
import { upgradeOpset } from '../../../core/onnx/passes/upgrade-opset.js';
import type { ModelProto, TensorProto } from '../../../core/onnx/proto.js';
import type { Value } from '../../../core/onnx/shape.js';
import { asFloat32, asIntegers, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import { Session, type TensorValue } from '../../../runtime/session.js';
import { TINY_FILES, TINY_LM } from '../../harness/fixtures.js';
import { largestError, lossRatio, tensorOf } from '../reference.js';

const reference = decodeSafetensors(readFileSync(`${TINY_LM}/reference.safetensors`));
const parameters = decodeSafetensors(readFileSync(`${TINY_LM}/model.safetensors`));

/** An initializer that holds a parameter, or its transpose. */
interface Use {
  readonly initializer: string;
  readonly parameter: string;
  readonly transposed: boolean;
}

describe.each(TINY_FILES)('all parameter gradients of %s', (file) => {
  const model = decodeModel(readFileSync(`${TINY_LM}/${file}`));
  const uses = parameterUses(graphOf(model).initializer);
  const names = [...reference.keys()].flatMap((key) => /^grad\.(.*)$/.exec(key)?.[1] ?? []);

  it('finds a place for every parameter that has a gradient', () => {
    expect(names).toHaveLength(52);
    expect(names.filter((name) => !uses.some((use) => use.parameter === name))).toEqual([]);
  });

  it.each(['disabled', 'all'] as const)('equal PyTorch, optimisation %s', async (optimisation) => {
    const gradients = await run(lossGradients(model, uses), optimisation);
    for (const name of names) {
      const float32 = tensorOf(reference, `grad.${name}`);
      const own = uses.filter((use) => use.parameter === name);
      const total = sum(own.map((use) => laidOut(gradients[`grad.${use.initializer}`] as TensorValue, use)));
      expect(largestError(total, asFloat32(float32)), name).toBeLessThanOrEqual(1e-5);
      const references = { float32, float64: tensorOf(reference, `grad64.${name}`) };
      expect(lossRatio(total, references), name).toBeLessThanOrEqual(5);
      if (/c_attn\.bias$/.test(name)) {
        // A key bias shifts all scores of a query equally, which the softmax does not see.
        const keys = total.subarray(total.length / 3, (2 * total.length) / 3);
        expect(Math.max(...keys.map(Math.abs)), name).toBeLessThanOrEqual(1e-8);
      }
    }
  });
});

function parameterUses(initializers: readonly TensorProto[]): Use[] {
  return initializers.flatMap((tensor): Use[] => {
    const name = tensor.name ?? '';
    const raw = tensor.rawData;
    if (tensor.dataType !== 1 || !raw || raw.length < 256) return [];
    const values = new Float32Array(new Uint8Array(raw).buffer);
    for (const [parameter, stored] of parameters) {
      if (stored.bytes.length !== raw.length) continue;
      if (Buffer.compare(stored.bytes, raw) === 0) return [{ initializer: name, parameter, transposed: false }];
      if (stored.shape.length === 2 && sameTransposed(asFloat32(stored), stored.shape, values))
        return [{ initializer: name, parameter, transposed: true }];
    }
    return [];
  });
}

function sameTransposed(a: Float32Array, [rows = 0, columns = 0]: readonly number[], b: Float32Array): boolean {
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) if (a[i * columns + j] !== b[j * rows + i]) return false;
  return true;
}

/** loss = −mean log softmax(logits[:, :-1])[labels]. */
function lossGradients(model: ModelProto, uses: readonly Use[]): ModelProto {
  const upgraded = upgradeOpset(model);
  const g = GraphBuilder.over({ ...upgraded, graph: { ...graphOf(upgraded), output: [] } });
  const labels = g.input('labels', 'int64', ['rows', 'targets']);
  const used = g.op('Slice', [g.value('logits'), g.integers(0), g.integers(-1), g.integers(1)]);
  const logProbabilities = g.op('LogSoftmax', [used]);
  const picked = g.op('GatherElements', [logProbabilities, g.op('Unsqueeze', [labels, g.integers(2)])], {
    attributes: { axis: 2 },
  });
  const loss = g.op('Neg', [g.op('ReduceMean', [picked], { attributes: { keepdims: 0 } })]);
  const wrt = uses.map((use) => use.initializer);
  const gradients = appendGradients(g, { cotangents: new Map([[loss.name, g.scalar(1)]]), wrt });
  const outputs = wrt.map((name) => g.output(gradients.get(name) as Value, `grad.${name}`));
  return cutToTensors(
    g.toModel(),
    outputs.map(({ name }) => ({ tensor: name })),
  ).model;
}

async function run(model: ModelProto, optimisation: 'disabled' | 'all'): Promise<Record<string, TensorValue>> {
  const session = await Session.create(joinChunks(encodeModel(model)), { provider: 'cpu', threads: 1, optimisation });
  const ids = asIntegers(tensorOf(reference, 'input_ids'));
  const [rows = 0, length = 0] = tensorOf(reference, 'input_ids').shape;
  const integers = (values: readonly number[]): TensorValue => ({
    dtype: 'int64',
    dims: [rows, values.length / rows],
    data: BigInt64Array.from(values, BigInt),
  });
  const feeds: Record<string, TensorValue> = {
    input_ids: integers(ids),
    attention_mask: integers(ids.map(() => 1)),
    labels: integers(ids.filter((_, i) => i % length > 0)),
  };
  const wanted = Object.entries(feeds).filter(([name]) => session.inputs.includes(name));
  const result = await session.run(Object.fromEntries(wanted));
  await session.release();
  return result;
}

/** A gradient in PyTorch's layout. */
function laidOut({ data, dims }: TensorValue, { transposed }: Use): Float32Array {
  const values = data as Float32Array;
  if (!transposed) return values;
  const [columns = 0, rows = 0] = dims;
  return values.map((_, at) => values[(at % columns) * rows + Math.floor(at / columns)] as number);
}

function sum(parts: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(), ...rest] = parts;
  return first.map((x, i) => rest.reduce((total, part) => total + (part[i] as number), x));
}
