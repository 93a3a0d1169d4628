// Tokens that get no row are ids of the model's vocabulary: one beyond it would drop nothing, in silence.
import { expect, it } from 'vitest';
import { InputError } from '../../../../schemas/errors.js';
import { failureOf } from '../../../harness/failure-of.js';
import { tinyRun } from '../../../harness/tiny-run.js';

const runWith = (dropTokens: readonly number[]): Promise<{ readonly file: object }> =>
  tinyRun({ activations: { hooks: ['blocks.2.hook_resid_post'], batchTokens: 512, dropTokens } });

it('an id beyond the vocabulary is refused with both numbers', async () => {
  const error = await failureOf(runWith([0, 4096]));
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toBe(
    'activations.dropTokens: expected token ids below 4096, found 4096; give ids of this tokenizer.',
  );
});

it('the last id of the vocabulary is taken', async () => {
  await expect(runWith([4095])).resolves.toMatchObject({ name: 'kjv' });
});
