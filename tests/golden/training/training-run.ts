// What the tests of training share: sessions over our graphs, the tiny language model's corpus as a token stream, recorded files.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import * as library from '@huggingface/tokenizers';
import { buildBatch } from '../../../core/language-model/accumulate.js';
import type { Kernels } from '../../../core/language-model/architecture.js';
import { modelParameters } from '../../../core/language-model/architectures.js';
import type { ModelSpec } from '../../../core/language-model/model-spec.js';
import { GraphBuilder } from '../../../core/onnx/builder.js';
import { decodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { Session, type Optimisation, type TensorValue } from '../../../runtime/session.js';
import { TINY_LM, TOKENIZER } from '../../harness/fixtures.js';

/** What is used of the tokenizer library, whose own declarations do not resolve under NodeNext. */
const { Tokenizer } = library as unknown as {
  readonly Tokenizer: new (
    tokenizer: unknown,
    config: object,
  ) => { encode(text: string): { readonly ids: readonly number[] } };
};

/** Tensors of a file beside this one. */
export function readTensors(name: string): Map<string, SafeTensor> {
  return decodeSafetensors(readFileSync(fileURLToPath(new URL(name, import.meta.url))));
}

/** Tensors of a file of the tiny language model. */
export function readTinyTensors(name: string): Map<string, SafeTensor> {
  return decodeSafetensors(readFileSync(path.join(TINY_LM, name)));
}

/** A text file beside this one, as JSON. */
export function readJson(name: string): unknown {
  return JSON.parse(readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8'));
}

/** The tiny language model's sizes. */
export const TINY: ModelSpec = {
  architecture: 'gpt2',
  layers: 4,
  width: 128,
  heads: 4,
  keyValueHeads: 4,
  headWidth: 32,
  mlpWidth: 512,
  contextTokens: 128,
  vocabulary: 4096,
  tied: true,
  normEpsilon: 1e-5,
  activation: 'gelu_tanh',
  ropeBase: 10_000,
};

/** Tokens of all chapters that are not of the test split, in file order, token 0 before each. */
export function trainingStream(): Int32Array {
  const tokenizer = new Tokenizer(JSON.parse(readFileSync(TOKENIZER, 'utf8')), {});
  const corpus = gunzipSync(readFileSync(path.join(TINY_LM, 'corpus.jsonl.gz'))).toString('utf8');
  const tokens: number[] = [];
  for (const line of corpus.trim().split('\n')) {
    const { split, text } = JSON.parse(line) as { split: string; text: string };
    if (split === 'test') continue;
    tokens.push(0);
    for (const id of tokenizer.encode(text).ids) tokens.push(id);
  }
  return Int32Array.from(tokens);
}

/** The contexts of context + 1 tokens that start at the offsets, one after another. */
export function contextsAt(stream: Int32Array, offsets: readonly number[], context: number): Int32Array<ArrayBuffer> {
  const tokens = new Int32Array(offsets.length * (context + 1));
  offsets.forEach((offset, i) => tokens.set(stream.subarray(offset, offset + context + 1), i * (context + 1)));
  return tokens;
}

/** A float32 feed. */
export function floats(data: Float32Array, dims: readonly number[]): TensorValue {
  return { dtype: 'float32', dims, data };
}

/** An int32 feed. */
export function integers(data: Int32Array, dims: readonly number[]): TensorValue {
  return { dtype: 'int32', dims, data };
}

/** Runs a graph once. */
export async function runGraph(
  graph: { toModelBytes(): Uint8Array },
  feeds: Readonly<Record<string, TensorValue>>,
  optimisation: Optimisation = 'all',
): Promise<Record<string, Float32Array>> {
  const settings = { provider: 'cpu' as const, threads: 2, optimisation };
  const session = await Session.create(graph.toModelBytes(), settings);
  try {
    const outputs = await session.run(feeds);
    return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
  } finally {
    await session.release();
  }
}

export interface GradientCase {
  readonly spec: ModelSpec;
  readonly batch: number;
  readonly context: number;
  readonly microBatches: number;
  readonly kernels: Kernels;
  readonly weighted: boolean;
}

/** Loss and gradients of one batch; feeds: tokens [batch, context + 1], coefficients [batch · context, 1], parameters. */
export function buildGradients(settings: GradientCase): GraphBuilder {
  const { spec, batch, context, microBatches, kernels, weighted } = settings;
  const g = new GraphBuilder('gradients');
  const rows = batch * context;
  const parameters = Object.fromEntries(
    modelParameters(spec).map(({ name, shape }) => [name, g.input(name, 'float32', shape)]),
  );
  const { loss, gradients } = buildBatch(g, {
    spec,
    parameters,
    tokens: g.input('tokens', 'int32', [batch, context + 1]),
    coefficient: weighted ? g.input('coefficient', 'float32', [rows, 1]) : 1 / rows,
    sizes: { batch, context },
    microBatches,
    kernels,
  });
  g.output(loss, 'loss');
  modelParameters(spec).forEach(({ name }, i) => {
    const gradient = gradients[i];
    if (gradient) g.output(gradient, `grad.${name}`);
  });
  return g;
}

/** Parameters as feeds. */
export function parameterFeeds(
  spec: ModelSpec,
  weights: ReadonlyMap<string, Float32Array>,
): Record<string, TensorValue> {
  return Object.fromEntries(
    modelParameters(spec).map(({ name, shape }) => [name, floats(weights.get(name) ?? new Float32Array(), shape)]),
  );
}
