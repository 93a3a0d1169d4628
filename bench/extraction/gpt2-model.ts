// Writes a GPT-2 of the small size (12 layers, width 768, 12 heads, 50,257 tokens, 1,024 positions) with random weights, as
// torch.onnx writes one: weights in a file beside the graph, the tanh approximation of GELU spelled out. For benches only.
import { mkdir, open, rename, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { encodeModel, joinChunks } from '../../core/onnx/codec.js';
import {
  makeExternalTensor,
  makeGraph,
  makeInt64,
  makeModel,
  makeNode,
  makeTensor,
  makeValueInfo,
} from '../../core/onnx/make.js';
import type { AttributeValue } from '../../core/onnx/make.js';
import type { NodeProto, TensorProto } from '../../core/onnx/proto.js';
import { KeyedRandom } from '../../core/tensor/random.js';

export const GPT2_SMALL = { layers: 12, width: 768, heads: 12, vocab: 50257, positions: 1024 };
export type Gpt2Shape = typeof GPT2_SMALL;

const WEIGHTS = 'weights.bin';
/** External data starts at multiples of this, as exporters write it. */
const ALIGNMENT = 65536;
/** Half width of the uniform distribution of weights; 0.02 standard deviation as GPT-2 initialises. */
const SPREAD = 0.02 * Math.sqrt(3);

/** Path of the model in `folder`, written unless it is there already. */
export async function writeGpt2(folder: string, shape: Gpt2Shape = GPT2_SMALL): Promise<string> {
  const file = path.join(folder, 'model.onnx');
  if (await stat(file).catch(() => null)) return file;
  await mkdir(folder, { recursive: true });
  const weights = new WeightFile();
  const model = makeModel(buildGraph(shape, weights), 20);
  await weights.write(path.join(folder, WEIGHTS));
  await writeFile(`${file}.part`, joinChunks(encodeModel(model)));
  await rename(`${file}.part`, file);
  return file;
}

/** Where weights lie in the file, and then the file. */
class WeightFile {
  readonly initializers: TensorProto[] = [];
  #bytes = 0;

  add(name: string, dims: readonly number[]): string {
    const length = 4 * dims.reduce((a, b) => a * b, 1);
    const at = { dtype: 'float32', location: WEIGHTS, offset: this.#bytes, length } as const;
    this.initializers.push(makeExternalTensor(name, dims, at));
    this.#bytes += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
    return name;
  }

  async write(file: string): Promise<void> {
    const random = new KeyedRandom('gpt2-weights');
    const handle = await open(file, 'w');
    const block = new Float32Array(2 ** 20);
    for (let done = 0; done < this.#bytes; done += block.byteLength) {
      for (let i = 0; i < block.length; i++) block[i] = (random.nextUint32() / 2 ** 31 - 1) * SPREAD;
      await handle.write(block, 0, Math.min(block.byteLength, this.#bytes - done));
    }
    await handle.close();
  }
}

function buildGraph(shape: Gpt2Shape, weights: WeightFile): ReturnType<typeof makeGraph> {
  const { layers, width, vocab, positions } = shape;
  const g = new Nodes();
  const wte = weights.add('wte.weight', [vocab, width]);
  const wpe = weights.add('wpe.weight', [positions, width]);
  const length = g.op('Shape', ['input_ids'], { start: 1, end: 2 });
  const scalarLength = g.op('Squeeze', [length]);
  const range = g.op('Range', ['zero', scalarLength, 'one']);
  const tokens = g.op('Gather', [wte, 'input_ids']);
  let x = g.op('Add', [tokens, g.op('Gather', [wpe, range])]);
  const square = g.op('Concat', [length, length], { axis: 0 });
  const ones = g.op('Expand', ['mask.value', square]);
  const mask = g.op('Trilu', [ones, 'one'], { upper: 1 });
  for (let n = 0; n < layers; n++) x = buildBlock(g, weights, { shape, n, x, mask });
  const out = norm(g, weights, { name: 'ln_f', x, width });
  const unembedding = g.op('Transpose', [wte], { perm: [1, 0] });
  g.nodes.push(makeNode('MatMul', { input: [out, unembedding], output: ['logits'] }));
  return makeGraph({
    name: 'gpt2',
    node: g.nodes,
    input: [makeValueInfo('input_ids', 'int64', ['batch', 'seq'])],
    output: [makeValueInfo('logits', 'float32', ['batch', 'seq', vocab])],
    initializer: [...weights.initializers, ...constants(shape)],
  });
}

function constants({ width, heads }: Gpt2Shape): TensorProto[] {
  const scalar = (name: string, value: number): TensorProto =>
    makeTensor(name, { dims: [], data: Float32Array.of(value) });
  return [
    makeInt64('zero', 0),
    makeInt64('one', 1),
    makeInt64('heads.shape', [0, 0, heads, width / heads]),
    makeInt64('width.shape', [0, 0, width]),
    scalar('mask.value', -1e9),
    scalar('scale', 1 / Math.sqrt(width / heads)),
    scalar('half', 0.5),
    scalar('unit', 1),
    scalar('three', 3),
    scalar('gelu.cubic', 0.044715),
    scalar('gelu.root', Math.sqrt(2 / Math.PI)),
  ];
}

interface Block {
  readonly shape: Gpt2Shape;
  readonly n: number;
  readonly x: string;
  readonly mask: string;
}

/** x + attention(norm(x)), then + MLP(norm(·)). */
function buildBlock(g: Nodes, weights: WeightFile, { shape, n, x, mask }: Block): string {
  const { width } = shape;
  const linear = (name: string, from: string, [rows, columns]: readonly [number, number]): string => {
    const W = weights.add(`h.${n}.${name}.weight`, [rows, columns]);
    const b = weights.add(`h.${n}.${name}.bias`, [columns]);
    return g.op('Add', [g.op('MatMul', [from, W]), b]);
  };
  const ln1 = norm(g, weights, { name: `h.${n}.ln_1`, x, width });
  const qkv = linear('attn.c_attn', ln1, [width, 3 * width]);
  const parts = g.split(qkv, 3);
  const [q, k, v] = parts.map((part, i) => {
    const heads = g.op('Reshape', [part, 'heads.shape']);
    return g.op('Transpose', [heads], { perm: i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3] });
  }) as [string, string, string];
  const scores = g.op('Mul', [g.op('MatMul', [q, k]), 'scale']);
  const pattern = g.op('Softmax', [g.op('Add', [scores, mask])], { axis: -1 });
  const z = g.op('Transpose', [g.op('MatMul', [pattern, v])], { perm: [0, 2, 1, 3] });
  const attention = linear('attn.c_proj', g.op('Reshape', [z, 'width.shape']), [width, width]);
  const mid = g.op('Add', [attention, x]);
  const ln2 = norm(g, weights, { name: `h.${n}.ln_2`, x: mid, width });
  const hidden = gelu(g, linear('mlp.c_fc', ln2, [width, 4 * width]));
  return g.op('Add', [mid, linear('mlp.c_proj', hidden, [4 * width, width])]);
}

/** 0.5 h (1 + tanh(√(2/π) (h + 0.044715 h³))) */
function gelu(g: Nodes, h: string): string {
  const cubic = g.op('Mul', ['gelu.cubic', g.op('Pow', [h, 'three'])]);
  const inner = g.op('Mul', [g.op('Add', [h, cubic]), 'gelu.root']);
  const gate = g.op('Add', [g.op('Tanh', [inner]), 'unit']);
  return g.op('Mul', [g.op('Mul', [h, 'half']), gate]);
}

function norm(g: Nodes, weights: WeightFile, { name, x, width }: { name: string; x: string; width: number }): string {
  const scale = weights.add(`${name}.weight`, [width]);
  const bias = weights.add(`${name}.bias`, [width]);
  return g.op('LayerNormalization', [x, scale, bias], { axis: -1, epsilon: { f: 1e-5 } });
}

class Nodes {
  readonly nodes: NodeProto[] = [];

  op(opType: string, input: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    const name = `${opType}_${this.nodes.length}`;
    this.nodes.push(makeNode(opType, { input, output: [name], attributes }));
    return name;
  }

  split(input: string, parts: number): string[] {
    const output = Array.from({ length: parts }, (_, i) => `Split_${this.nodes.length}_${i}`);
    this.nodes.push(makeNode('Split', { input: [input], output, attributes: { axis: -1, num_outputs: parts } }));
    return output;
  }
}
