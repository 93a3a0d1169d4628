// One small transformer computed in any order of axes: the same weights and the same numbers, tensors turned, joined and
// multiplied as a layout says.
import { GraphBuilder } from '../../core/onnx/builder.js';
import { makeTensor } from '../../core/onnx/make.js';
import type { ModelProto } from '../../core/onnx/proto.js';
import type { Value } from '../../core/onnx/shape.js';

const WIDTH = 8;
const HEADS = 2;
const D_HEAD = 4;
const D_MLP = 12;
const VOCAB = 16;

/** How a model lays out its tensors; letters: b rows, p positions (t as keys), h heads, e one head's vector, d the stream. */
export interface ModelLayout {
  readonly stream: 'bpd' | 'pbd';
  /** The MLP's tensors with rows and positions joined. */
  readonly joinedMlp: boolean;
  /** The logits in the order of the stream. */
  readonly ownLogits?: boolean;
  readonly attention:
    | {
        readonly by: 'Einsum';
        readonly q: string;
        readonly k: string;
        readonly v: string;
        readonly scores: string;
        readonly z: string;
      }
    | { readonly by: 'MatMul'; readonly lead: 'bh' | 'hb'; readonly joined: boolean; readonly turned: boolean };
}

export const PLAIN: ModelLayout = {
  stream: 'bpd',
  joinedMlp: false,
  attention: { by: 'MatMul', lead: 'bh', joined: false, turned: false },
};

/** The model in a layout; `move` changes the stream before the first block. */
export function laidModel(layout: ModelLayout, move?: (g: GraphBuilder, x: Value) => Value): ModelProto {
  return new LaidModel(layout).build(move);
}

class LaidModel {
  readonly #g = new GraphBuilder('laid');
  readonly #layout: ModelLayout;
  #seed = 0;

  constructor(layout: ModelLayout) {
    this.#layout = layout;
  }

  build(move: ((g: GraphBuilder, x: Value) => Value) | undefined): ModelProto {
    const g = this.#g;
    const ids = g.input('input_ids', 'int64', ['batch', 'seq']);
    const embedded = g.op('Gather', [this.#weight(VOCAB, WIDTH), ids]);
    let x = this.#turn(embedded, 'bpd', this.#layout.stream);
    if (move) x = move(g, x);
    for (let n = 0; n < 2; n++) {
      x = g.op('Add', [x, this.#attention(this.#norm(x), ids)]);
      x = g.op('Add', [x, this.#mlp(this.#norm(x))]);
    }
    const logits = this.#project(this.#norm(x), VOCAB);
    g.output(this.#layout.ownLogits ? logits : this.#turn(logits, this.#layout.stream, 'bpd'), 'logits');
    return g.toModel();
  }

  #mlp(x: Value): Value {
    const g = this.#g;
    const given = this.#layout.joinedMlp ? g.op('Reshape', [x, g.integers(-1, WIDTH)]) : x;
    const made = this.#project(g.op('Relu', [this.#project(given, D_MLP)]), WIDTH);
    return this.#layout.joinedMlp ? g.op('Reshape', [made, g.op('Shape', [x])]) : made;
  }

  #attention(x: Value, ids: Value): Value {
    const g = this.#g;
    const [b, p] = this.#layout.stream;
    const [q, k, v] = [0, 1, 2].map(() =>
      g.op('Reshape', [this.#project(x, HEADS * D_HEAD), g.integers(0, 0, HEADS, D_HEAD)]),
    ) as [Value, Value, Value];
    const open = `${b ?? ''}${p ?? ''}he`;
    const { attention } = this.#layout;
    const z = attention.by === 'Einsum' ? this.#byEinsum([q, k, v], open) : this.#byMatMul([q, k, v], { open, ids });
    return this.#project(g.op('Reshape', [z, g.integers(0, 0, HEADS * D_HEAD)]), WIDTH);
  }

  #byEinsum([q, k, v]: readonly [Value, Value, Value], open: string): Value {
    const { attention } = this.#layout;
    if (attention.by !== 'Einsum') throw new TypeError('another attention');
    const keys = (letters: string): string => letters.replace('p', 't');
    const product = (a: [Value, string], b: [Value, string], to: string): Value =>
      this.#g.op('Einsum', [a[0], b[0]], { attributes: { equation: `${a[1]},${b[1]}->${to}` } });
    const left = this.#turn(q, open, attention.q);
    const right = this.#turn(k, open, attention.k);
    const scores = this.#scaled(product([left, attention.q], [right, keys(attention.k)], attention.scores));
    const pattern = this.#softmax(scores);
    const values = this.#turn(v, open, attention.v);
    const z = product([pattern, attention.scores], [values, keys(attention.v)], attention.z);
    return this.#turn(z, attention.z, open);
  }

  #byMatMul(
    [q, k, v]: readonly [Value, Value, Value],
    { open, ids }: { readonly open: string; readonly ids: Value },
  ): Value {
    const g = this.#g;
    const { attention } = this.#layout;
    if (attention.by !== 'MatMul') throw new TypeError('another attention');
    const { lead, joined, turned } = attention;
    const pos = g.op('Slice', [g.op('Shape', [ids]), g.integers(1), g.integers(2)]);
    const shape = (...sizes: number[]): Value =>
      g.op('Concat', [g.integers(...sizes), pos, g.integers(D_HEAD)], { attributes: { axis: 0 } });
    const laid = (y: Value): Value => {
      const moved = this.#turn(y, open, `${lead}pe`);
      return joined ? g.op('Reshape', [moved, shape(-1)]) : moved;
    };
    const swap = (y: Value): Value => (joined ? this.#turn(y, 'abc', 'acb') : this.#turn(y, 'abcd', 'abdc'));
    const [left, right, values] = [laid(q), laid(k), laid(v)];
    const product = turned ? swap(g.op('MatMul', [right, swap(left)])) : g.op('MatMul', [left, swap(right)]);
    const z = g.op('MatMul', [this.#softmax(this.#scaled(product)), values]);
    const apart = joined ? g.op('Reshape', [z, lead === 'bh' ? shape(-1, HEADS) : shape(HEADS, -1)]) : z;
    return this.#turn(apart, `${lead}pe`, open);
  }

  #scaled(scores: Value): Value {
    return this.#g.op('Mul', [scores, this.#g.scalar(0.5)]);
  }

  #softmax(scores: Value): Value {
    return this.#g.op('Softmax', [scores], { attributes: { axis: -1 } });
  }

  #norm(x: Value): Value {
    const attributes = { axis: -1, epsilon: { f: 1e-3 } };
    return this.#g.op('LayerNormalization', [x, this.#weight(WIDTH), this.#weight(WIDTH)], { attributes });
  }

  #project(x: Value, width: number): Value {
    const from = x.shape?.at(-1);
    const product = this.#g.op('MatMul', [x, this.#weight(typeof from === 'number' ? from : WIDTH, width)]);
    return this.#g.op('Add', [product, this.#weight(width)]);
  }

  #turn(x: Value, from: string, to: string): Value {
    const perm = Array.from(to, (letter) => from.indexOf(letter));
    return from === to ? x : this.#g.op('Transpose', [x], { attributes: { perm } });
  }

  /** Numbers that depend on the place in the model alone. */
  #weight(...dims: number[]): Value {
    const count = dims.reduce((a, b) => a * b, 1);
    const seed = this.#seed++;
    const data = Float32Array.from({ length: count }, (_, i) => Math.sin(seed * 3.1 + i * 1.7) * 0.5);
    return this.#g.initializer(makeTensor(this.#g.fresh('weight'), { dims, data }));
  }
}
