// From which number a run counts the positions that its model takes as an input: what the run file says, else what the model tells.
// Never a number that neither says.
import { unknownStart } from '../../models/feeds.js';
import type { ModelStructure, ModelSummary } from '../../models/open-model.js';
import { InputError } from '../../schemas/errors.js';

/** The first number of positions of a model whose run was resolved. */
export function startOf({ inputs }: ModelStructure): number {
  return inputs.find(({ role }) => role === 'positions')?.start ?? 0;
}

/** The model with positions counted from where the run file says. @throws InputError where neither it nor the model says it */
export function withPositions(
  summary: ModelSummary,
  { place, given }: { readonly place: string; readonly given: number | undefined },
): ModelSummary {
  const input = summary.inputs.find(({ role }) => role === 'positions');
  if (input === undefined) {
    if (given === undefined) return summary;
    throw new InputError(
      `model.positionStart is ${given}, but the model ${place} takes no positions as an input. Leave it out.`,
      { positionStart: given },
    );
  }
  const start = given ?? input.start ?? null;
  if (start === null) throw unknownStart(input.name);
  const inputs = summary.inputs.map((one) => (one === input ? { ...one, start } : one));
  const fits = summary.maxPositions;
  return { ...summary, inputs, maxPositions: fits === null ? null : fits - start + (input.start ?? 0) };
}
