// Edited runs of the small language model against PyTorch with forward hooks that do the same edits (make_edits.py), both
// exports, with ONNX Runtime's optimiser off and fully on.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { asFloat32, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import type { TensorValue } from '../../../runtime/session.js';
import { modelEdit } from '../../../schemas/model-edits.js';
import { runModel } from '../../../models/run-model.js';
import { TINY_FILES, TINY_LM } from '../../harness/fixtures.js';
import { largestError, tensorOf } from '../reference.js';

const HERE = new URL('.', import.meta.url).pathname;
const recorded = z
  .object({
    ids: z.array(z.array(z.number())),
    cases: z.array(
      z.object({
        name: z.string(),
        edits: z.array(modelEdit),
        rows: z.number(),
        blocks: z.array(z.number()),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(`${HERE}edits.json`, 'utf8')));
const reference = decodeSafetensors(readFileSync(`${HERE}edits.safetensors`));

const expected = (name: string): Float32Array => asFloat32(tensorOf(reference, name));

/** The last position's logits of every row. */
function lastLogits({ data, dims }: TensorValue): Float32Array {
  const [rows = 0, length = 0, vocabulary = 0] = dims;
  const result = new Float32Array(rows * vocabulary);
  for (let r = 0; r < rows; r++) {
    const end = (r + 1) * length * vocabulary;
    result.set((data as Float32Array).subarray(end - vocabulary, end), r * vocabulary);
  }
  return result;
}

describe.each(TINY_FILES)('edits of %s', (file) => {
  it.each(recorded.cases)('$name: as PyTorch has it', async ({ name, edits, rows, blocks }) => {
    const ids = recorded.ids.slice(0, rows);
    const given = { ids: Uint32Array.from(ids.flat()), length: ids[0]?.length ?? 0 };
    for (const optimisation of ['disabled', 'all'] as const) {
      const values = await runModel(`${TINY_LM}/${file}`, given, {
        hooks: blocks.map((n) => `blocks.${n}.hook_resid_post`),
        logits: true,
        edits: { list: edits, folder: HERE, where: (edit) => `edits[${edit}]` },
        engine: { provider: 'cpu', threads: 1, optimisation },
      });
      const logits = lastLogits(values.get('logits') as TensorValue);
      expect(largestError(logits, expected(`${name}/logits`))).toBeLessThanOrEqual(5e-6);
      for (const n of blocks) {
        const site = `blocks.${n}.hook_resid_post`;
        const got = values.get(site)?.data as Float32Array;
        expect(largestError(got, expected(`${name}/${site}`)), site).toBeLessThanOrEqual(5e-6);
      }
    }
  });
});
