// What a direction of the residual stream raises and lowers, by the model's own final norm and unembedding, against the product of the
// stored weights in float64: LayerNorm and RMS norms, gains 1 + w, tied and untied embeddings, half precision, soft-capped logits. And
// which exported models have such a lens, and why the others have none.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { halfToFloat } from '../../../core/tensor/half.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { asFloat32, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { NO_EDITS } from '../../../models/edits.js';
import { Lens } from '../../../models/lens.js';
import { openModel, placeOf } from '../../../models/open-model.js';
import { readSafetensors } from '../../../storage/files/safetensors-file.js';
import { EXPORTS, FOLDERS } from '../../harness/fixtures.js';
import { MODELS } from '../folders/models.js';

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
const ROWS = 5;

/** Values of a stored tensor, as float32 holds them exactly. */
function floatsOf({ dtype, shape, bytes }: SafeTensor): Float32Array {
  if (dtype === 'F32') return asFloat32({ dtype, shape, bytes });
  const halves = new Uint16Array(new Uint8Array(bytes).buffer);
  if (dtype === 'F16') return Float32Array.from(halves, halfToFloat);
  return new Float32Array(Uint32Array.from(halves, (bits) => bits * 2 ** 16).buffer);
}

/** The tensors of all files of a folder. */
async function tensorsOf(folder: string): Promise<Map<string, SafeTensor>> {
  const all = new Map<string, SafeTensor>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.safetensors')))
    for (const [name, tensor] of await readSafetensors(path.join(folder, file))) all.set(name, tensor);
  return all;
}

interface Parts {
  readonly gain: readonly number[];
  readonly unembedding: Float32Array;
  readonly centred: boolean;
}

/** The final norm's gain and the unembedding by the names that transformers gives them. */
function partsOf(tensors: ReadonlyMap<string, SafeTensor>, name: string): Parts {
  const find = (...names: string[]): Float32Array => {
    const found = names.map((one) => tensors.get(one)).find((tensor) => tensor !== undefined);
    if (!found) throw new TypeError(`none of ${names.join(', ')}`);
    return floatsOf(found);
  };
  const gain = find('transformer.ln_f.weight', 'ln_f.weight', 'gpt_neox.final_layer_norm.weight', 'model.norm.weight');
  const embeddings = ['transformer.wte.weight', 'wte.weight', 'model.embed_tokens.weight', 'gpt_neox.embed_in.weight'];
  return {
    gain: [...gain].map((value) => (name.startsWith('gemma') ? 1 + value : value)),
    unembedding: find('lm_head.weight', 'embed_out.weight', ...embeddings),
    centred: name.startsWith('gpt2') || name.startsWith('neox'),
  };
}

async function open(
  file: string,
): Promise<{ readonly lens: Lens | string; readonly rows: Float32Array; readonly width: number }> {
  const opened = await openModel(file);
  const { width } = opened.summary;
  const random = new KeyedRandom('lens', path.basename(file));
  const rows = Float32Array.from({ length: ROWS * width }, () => random.nextNormal());
  const of = { place: placeOf(opened), edits: NO_EDITS, engine: ENGINE, batchRows: 8 };
  return { lens: await Lens.open(of, rows.subarray(0, width)), rows, width };
}

describe.each(MODELS)('%s', (name) => {
  it('raises and lowers the tokens that W_U (γ ∘ v) does', async () => {
    const folder = path.join(FOLDERS, name);
    const { lens, rows, width } = await open(folder);
    if (typeof lens === 'string') throw new TypeError(lens);
    const { tokens, raised, lowered } = await lens.promote(rows);
    await lens.release();
    const { gain, unembedding, centred } = partsOf(await tensorsOf(folder), name);
    const tolerance = name.endsWith('bf16') || name.endsWith('f16') ? 1e-4 : 1e-5;
    for (let row = 0; row < ROWS; row++) {
      const own = [...rows.subarray(row * width, (row + 1) * width)];
      const mean = centred ? own.reduce((a, b) => a + b, 0) / width : 0;
      const folded = own.map((value, i) => (value - mean) * (gain[i] ?? 0));
      const logits = Array.from({ length: unembedding.length / width }, (_, t) =>
        folded.reduce((sum, value, i) => sum + value * (unembedding[t * width + i] ?? 0), 0),
      );
      const sorted = [...logits].sort((a, b) => b - a);
      const scale = Math.abs(sorted[0] ?? 0);
      for (let i = 0; i < tokens; i++) {
        const at = row * tokens + i;
        for (const [side, expected] of [
          [raised, sorted[i]],
          [lowered, sorted.at(-1 - i)],
        ] as const) {
          expect(Math.abs((side.value[at] ?? NaN) - (expected ?? NaN))).toBeLessThan(tolerance * scale);
          expect(Math.abs((logits[side.token[at] ?? -1] ?? NaN) - (expected ?? NaN))).toBeLessThan(tolerance * scale);
        }
      }
    }
  });
});

it.each([
  ['gpt2.dynamo', 'lens'],
  ['gpt2.legacy', 'lens'],
  ['llama.dynamo', 'lens'],
  ['llama.legacy', 'lens'],
  ['neox.dynamo', 'lens'],
  ['neox.legacy', 'lens'],
  ['gemma2.dynamo', 'lens'],
  ['gemma2.legacy', 'lens'],
  [
    'bert.dynamo',
    'the whole stream passes a norm after every block, so that no direction reaches the logits by itself',
  ],
])('an export of %s has a lens or says why not: %s', async (name, expected) => {
  const { lens, rows } = await open(path.join(EXPORTS, `${name}.onnx`));
  if (typeof lens === 'string') {
    expect(lens).toBe(expected);
    return;
  }
  const { raised } = await lens.promote(rows);
  await lens.release();
  expect(expected).toBe('lens');
  expect(raised.value.every((value, i) => i % 10 === 0 || value <= (raised.value[i - 1] ?? 0))).toBe(true);
});
