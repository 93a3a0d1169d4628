// A loaded model as a function from one context to the logits of its positions. A model of fixed sizes is fed its rows several times
// and its context filled up behind the tokens, which a causal model does not see.
import { graphOf } from '../../core/onnx/cut.js';
import { halfToFloat } from '../../core/tensor/half.js';
import type { TensorValue } from '../../runtime/session.js';
import { DataError, InputError } from '../../schemas/errors.js';
import type { EngineConfig } from '../../schemas/stored.js';
import type { ResolvedEdits } from '../edits.js';
import { makeFeeds } from '../feeds.js';
import { loadModel, prepareModel, type ModelSession } from '../model-session.js';
import { outputNamed } from '../named-outputs.js';
import { placeOf, type OpenedModel } from '../open-model.js';

/** Rows and tokens that a model's graph fixes; null where it takes any number. */
export interface FixedSizes {
  readonly rows: number | null;
  readonly tokens: number | null;
}

export function fixedSizes({ model, summary }: OpenedModel): FixedSizes {
  const name = summary.inputs.find(({ role }) => role === 'tokens')?.name;
  const shape = graphOf(model).input.find((input) => input.name === name)?.type?.tensorType?.shape;
  const [rows, tokens] = (shape?.dim ?? []).map(({ dimValue }) => dimValue ?? null);
  return { rows: rows || null, tokens: tokens || null };
}

export interface NextLogitsOptions {
  readonly edits: ResolvedEdits;
  readonly engine: Pick<EngineConfig, 'provider' | 'threads' | 'optimisation'>;
  /** The first number of positions, in place of the model's. */
  readonly positionStart: number | undefined;
}

/** The logits [positions, vocabulary] of one context. */
export class NextLogits {
  readonly #model: ModelSession;
  readonly #sizes: FixedSizes;
  readonly #positionStart: number | undefined;

  private constructor(model: ModelSession, sizes: FixedSizes, positionStart: number | undefined) {
    this.#model = model;
    this.#sizes = sizes;
    this.#positionStart = positionStart;
  }

  /** @throws InputError for a model without logits that are certain */
  static async load(opened: OpenedModel, { edits, engine, positionStart }: NextLogitsOptions): Promise<NextLogits> {
    const logits = outputNamed('logits', opened.summary);
    const extra = logits === null ? [] : [logits];
    const prepared = await prepareModel(placeOf(opened), [], { extra, edits, read: opened });
    return new NextLogits(await loadModel(prepared, engine), fixedSizes(opened), positionStart);
  }

  /** One vector per position. @throws DataError where the model gives something else */
  async run(ids: readonly number[]): Promise<Float32Array[]> {
    const { session, inputs, outputs } = this.#model;
    const rows = this.#sizes.rows ?? 1;
    const length = this.#sizes.tokens ?? ids.length;
    const row = Uint32Array.from({ length }, (_, i) => ids[i] ?? (ids[0] as number));
    const filled = Uint32Array.from({ length: rows * length }, (_, i) => row[i % length] as number);
    const hasMask = inputs.some(({ role }) => role === 'mask');
    const mask = Uint32Array.from(filled, (_, i) => (i % length < ids.length ? 1 : 0));
    const feeds = makeFeeds(inputs, {
      ...{ ids: filled, length },
      ...(hasMask && length > ids.length && { mask }),
      ...(this.#positionStart !== undefined && { positionStart: this.#positionStart }),
    });
    const results = await session.run(feeds, [...new Set(outputs)]);
    return vectors(results[outputs[0] ?? ''], { rows, length, count: ids.length });
  }

  /** The vector after the last token alone. */
  async next(ids: readonly number[]): Promise<Float32Array> {
    return (await this.run(ids)).at(-1) as Float32Array;
  }

  async release(): Promise<void> {
    await this.#model.release();
  }
}

function vectors(
  value: TensorValue | undefined,
  { rows, length, count }: { readonly rows: number; readonly length: number; readonly count: number },
): Float32Array[] {
  const { dims = [] } = value ?? {};
  if (dims.length !== 3 || dims[0] !== rows || dims[1] !== length)
    throw new InputError(
      `Expected logits [batch, pos, vocabulary] of sizes [${rows}, ${length}, …], found [${dims.join(', ')}]: its positions are not those of the tokens, so that nothing can be generated.`,
      { dims, rows, length },
    );
  const width = dims[2] ?? 0;
  return Array.from({ length: count }, (_, pos) => floats(value, pos * width, (pos + 1) * width));
}

function floats(value: TensorValue | undefined, from: number, to: number): Float32Array {
  if (value?.data instanceof Float32Array) return value.data.slice(from, to);
  if (value?.data instanceof Uint16Array) return Float32Array.from(value.data.subarray(from, to), halfToFloat);
  throw new DataError(`Expected logits as float32 or float16, found ${value?.dtype ?? 'nothing'}.`);
}
