// The two files that a user may give to a training: weights to begin from, and where the contexts of each step begin.
import { modelParameters, unembeddingName } from '../../core/language-model/architectures.js';
import type { ModelSpec } from '../../core/language-model/model-spec.js';
import { asFloat32, asIntegers, type SafeTensor } from '../../core/tensor/safetensors.js';
import { DataError, InputError } from '../../schemas/errors.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import { nearestNames } from '../../core/text/nearest-names.js';
import { readSafetensors } from '../../storage/files/safetensors-file.js';

/** Tensors that state dictionaries hold besides the parameters: masks and tables that follow from the sizes. */
const BUFFERS = /\.(?:attn\.(?:bias|masked_bias)|rotary_emb\.inv_freq)$/;

/**
 * The weights of a safetensors file by parameter name.
 * @throws InputError that names the tensor where one is missing, of another shape or type, not finite, or of another model
 */
export async function readWeights(file: string, spec: ModelSpec): Promise<Map<string, Float32Array>> {
  const tensors = await readTensors(file);
  const parameters = modelParameters(spec);
  const weights = new Map(
    parameters.map(({ name, shape }) => {
      const tensor = tensors.get(name);
      if (!tensor) throw missing(file, name, tensors);
      const found = `${tensor.dtype} [${tensor.shape.join(', ')}]`;
      if (tensor.dtype !== 'F32' || tensor.shape.join() !== shape.join())
        throw new InputError(
          `${file}: expected tensor "${name}" as F32 [${shape.join(', ')}], found ${found}; give weights of a model of these sizes, in float32.`,
          { file, tensor: name, shape: tensor.shape, dtype: tensor.dtype },
        );
      const values = asFloat32(tensor);
      const bad = values.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0)
        throw new InputError(
          `${file}: expected finite weights, found ${values[bad] ?? NaN} in tensor "${name}" at ${bad}; give another file.`,
          { file, tensor: name, index: bad },
        );
      return [name, values] as const;
    }),
  );
  refuseOthers(file, spec, { tensors, weights });
  return weights;
}

/** A file with more layers than the model is another model's. */
function refuseOthers(
  file: string,
  spec: ModelSpec,
  found: {
    readonly tensors: ReadonlyMap<string, SafeTensor>;
    readonly weights: ReadonlyMap<string, Float32Array>;
  },
): void {
  const tiedCopy = spec.tied ? 'lm_head.weight' : unembeddingName(spec);
  const other = [...found.tensors.keys()].find(
    (name) => !found.weights.has(name) && !BUFFERS.test(name) && name !== tiedCopy,
  );
  if (other === undefined) return;
  throw new InputError(
    `${file}: expected only the ${found.weights.size} parameters of a ${spec.architecture} model with ${spec.layers} layers, found tensor "${other}" too; give weights of a model of these sizes.`,
    { file, tensor: other },
  );
}

/** FILE#TENSOR in its two parts. */
export function splitBatches(reference: string): {
  readonly file: string;
  readonly tensor: string;
} {
  const at = reference.lastIndexOf('#');
  return { file: reference.slice(0, at), tensor: reference.slice(at + 1) };
}

/** Offsets into the training stream, [steps, batch], row-major. */
export interface BatchOffsets {
  readonly steps: number;
  readonly batch: number;
  readonly offsets: readonly number[];
}

/**
 * The offsets of a tensor.
 * @throws InputError where there is no such tensor, or it is not of whole numbers from 0 for `steps` steps of `batch` contexts
 */
export async function readBatches(
  file: string,
  tensor: string,
  need: { readonly steps: number; readonly batch: number },
): Promise<BatchOffsets> {
  const tensors = await readTensors(file);
  const found = tensors.get(tensor);
  if (!found) throw missing(file, tensor, tensors);
  const [steps = 0, batch = 0] = found.shape;
  const { steps: wanted, batch: width } = need;
  const whole = found.dtype === 'I32' || found.dtype === 'I64';
  if (!whole || found.shape.length !== 2 || steps < wanted || batch !== width)
    throw new InputError(
      `${file}: expected tensor "${tensor}" of whole numbers (I32 or I64) [${wanted} or more, ${width}] = [steps, batch], found ${found.dtype} [${found.shape.join(', ')}]; correct training.batches, steps or batch.`,
      { file, tensor, shape: found.shape, dtype: found.dtype },
    );
  const offsets = asIntegers(found);
  const bad = offsets.findIndex((offset) => offset < 0);
  if (bad >= 0) throw outOfRange({ file, tensor, batch, offsets }, bad, 'at least 0');
  return { steps, batch, offsets };
}

/** @throws DataError where a context of a used step would reach beyond the stream */
export function checkOffsets(
  given: BatchOffsets & { readonly tensor: string },
  used: { readonly steps: number; readonly contextTokens: number; readonly tokens: number },
): void {
  const { steps, contextTokens, tokens } = used;
  const last = tokens - contextTokens - 1;
  for (let i = 0; i < steps * given.batch; i++) {
    if ((given.offsets[i] as number) <= last) continue;
    const from = { ...given, file: 'training.batches' };
    throw outOfRange(
      from,
      i,
      `at most ${last} (a stream of ${tokens} tokens, contexts of ${contextTokens} and their last target)`,
    );
  }
}

function outOfRange(
  at: {
    readonly file: string;
    readonly tensor: string;
    readonly batch: number;
    readonly offsets: readonly number[];
  },
  index: number,
  expected: string,
): DataError {
  const { file, tensor, batch, offsets } = at;
  const place = [Math.floor(index / batch), index % batch];
  return new DataError(
    `${file}: expected offsets of ${expected}, found ${tensor}[${place.join(', ')}] = ${offsets[index] ?? NaN}; the offsets belong to another stream: look at training.splits, order and prepend.`,
    { file, tensor, step: place[0], context: place[1], offset: offsets[index] },
  );
}

async function readTensors(file: string): Promise<Map<string, SafeTensor>> {
  try {
    return await readSafetensors(file);
  } catch (error) {
    passMachineFault(error);
    if (error instanceof DataError)
      throw new InputError(`${file}: ${error.message}`, { ...error.details, file }, { cause: error });
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new InputError(
      `Expected a safetensors file at ${file}, found none that can be read (${code}); correct the path.`,
      { file, code },
      { cause: error },
    );
  }
}

function missing(file: string, tensor: string, tensors: ReadonlyMap<string, SafeTensor>): InputError {
  const names = [...tensors.keys()];
  const near = nearestNames(tensor, names);
  const remedy = near.length > 0 ? `nearest: ${near.join(', ')}` : `it holds ${names.slice(0, 5).join(', ')} …`;
  return new InputError(`${file}: expected a tensor "${tensor}", found none; ${remedy}.`, {
    file,
    tensor,
    near,
  });
}
