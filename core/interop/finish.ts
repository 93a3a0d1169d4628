// The last step of every reader of one dictionary: orientation confirmed where shapes leave it open, biases as our kinds have them,
// settings in our words.
import { InputError } from '../../schemas/errors.js';
import type { InputTransform, TakenFormat } from '../../schemas/taken.js';
import { withOurCentring } from './centring.js';
import { confirmSquare } from './orientation.js';
import { notesOfLeft } from './left-behind.js';
import type { SourceFacts, TakenDictionary, TakenSettings, TakenTensor, TakenTensors } from './taken-dictionary.js';
import type { TensorReader } from './tensor-reader.js';

/** What a reader found. */
export interface FoundDictionary {
  readonly format: TakenFormat;
  /** Of the weights, all of which have been taken. */
  readonly reader: TensorReader;
  /** Tensors that the source's own inference leaves out. */
  readonly idle?: readonly string[] | undefined;
  readonly architecture: TakenSettings['architecture'];
  readonly features: number;
  readonly read: number;
  readonly write: number;
  /** Whether it reads one site and writes another. */
  readonly transcoder: boolean;
  /** Whether the source subtracts b_dec from what it encodes. */
  readonly centred: boolean;
  readonly skip?: boolean;
  readonly k?: number | undefined;
  readonly prefixes?: readonly number[] | undefined;
  readonly inputTransform?: InputTransform | undefined;
  readonly tensors: TakenTensors;
  readonly source: SourceFacts;
  readonly notes: readonly string[];
}

/** The dictionary in the neutral form. @throws InputError where its parts do not fit together */
export function finishDictionary(found: FoundDictionary): TakenDictionary {
  const { reader, architecture, features, k, prefixes, inputTransform, source, read, write } = found;
  const { file } = reader;
  if (k !== undefined && !(Number.isSafeInteger(k) && k >= 1 && k <= features))
    throw new InputError(
      `Expected k of the dictionary in ${file} to be a whole number from 1 to its ${features} features, found ${k}; correct its settings.`,
      { file, k, features },
    );
  if (found.skip === true && !found.transcoder)
    throw new InputError(
      `Expected no skip connection in ${file}, which reads the site that it writes, found W_skip; only a transcoder can have one here.`,
      { file },
    );
  const left = notesOfLeft(reader, { kind: source.kind, idle: found.idle });
  const wiring = found.transcoder ? 'other' : 'same';
  const [W_enc, W_dec] = [found.tensors.get('W_enc'), found.tensors.get('W_dec')] as [TakenTensor, TakenTensor];
  const doubt = found.transcoder ? null : confirmSquare(W_enc, W_dec, file);
  const { tensors, notes } = withOurCentring(found.tensors, { architecture, wiring, centred: found.centred });
  return {
    ...{ format: found.format, wiring, readWidths: [read], writeWidths: [write], tensors, source },
    settings: {
      ...{ architecture, features },
      ...(k !== undefined && { k }),
      ...(prefixes !== undefined && { prefixes }),
      ...(found.skip === true && { skip: true }),
      ...(inputTransform !== undefined && { inputTransform }),
    },
    notes: [...found.notes, ...(doubt === null ? [] : [doubt]), ...notes, ...left],
  };
}
