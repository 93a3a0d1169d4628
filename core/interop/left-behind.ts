// Tensors of a file that the dictionary's kind has no use for. Some say by their name that they change what it computes, so that the
// file is of another kind than its settings tell: a skip connection, thresholds, scales, gates. Others are noted: counters of a training.
import { InputError } from '../../schemas/errors.js';
import type { TensorReader } from './tensor-reader.js';

const CHANGES = /skip|thresh|scal|gate|mag/i;

export interface Leaving {
  /** What messages call the dictionary's kind. */
  readonly kind: string;
  /** Tensors that the source's own inference leaves out too. */
  readonly idle?: readonly string[] | undefined;
}

/** One note at most. @throws InputError where a tensor that nothing reads would change the features or the reconstruction */
export function notesOfLeft(reader: TensorReader, { kind, idle = [] }: Leaving): string[] {
  const left = reader.untaken.filter((name) => !idle.includes(name));
  const changing = left.filter((name) => CHANGES.test(name));
  if (changing.length > 0)
    throw new InputError(
      `Expected in ${reader.file} the tensors of a dictionary of kind ${kind}, found also ${changing.join(', ')}, which no equation of that kind reads; its settings name another kind than its weights are of: correct them, or remove the tensors.`,
      { file: reader.file, kind, tensors: changing },
    );
  if (left.length === 0) return [];
  const some = left.slice(0, 8).join(', ') + (left.length > 8 ? ` and ${left.length - 8} more` : '');
  return [`Left out of ${reader.file}, because no equation of the kind ${kind} reads it: ${some}.`];
}
