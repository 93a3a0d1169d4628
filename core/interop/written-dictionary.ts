// What a writer of a foreign format makes of a dictionary: the files' contents, and what the format could not hold.
import { safeTensor, type SafeTensor } from '../tensor/safetensors.js';
import type { TakenDictionary, TakenTensor } from './taken-dictionary.js';

export interface WrittenDictionary {
  /** The format's own word for what it is. */
  readonly kind: string;
  /** Content of cfg.json. */
  readonly cfg: Readonly<Record<string, unknown>>;
  /** Name of the file with the weights. */
  readonly file: string;
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  /** What was left behind or changed, in sentences. */
  readonly notes: readonly string[];
}

/** What the exporting side knows besides the weights. */
export interface ExportFacts {
  /** What messages and settings call the dictionary. */
  readonly name: string;
  readonly model: string | null;
  readonly contextTokens: number | null;
  readonly prepended: boolean | null;
}

/** A tensor of a dictionary. */
export function tensorOf({ tensors }: TakenDictionary, name: string): TakenTensor {
  return tensors.get(name) as TakenTensor;
}

/** As it lies. */
export function asStored({ shape, values }: TakenTensor): SafeTensor {
  return safeTensor(values, shape);
}

/** [r, c] as [c, r]. */
export function asTurned({ shape, values }: TakenTensor): SafeTensor {
  const [rows = 0, columns = 0] = shape;
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = values[row * columns + column] as number;
  return safeTensor(turned, [columns, rows]);
}
