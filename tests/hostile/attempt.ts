// What the engine does with a file before it runs anything: read, check, infer, resolve, cut, write. A hostile file may end
// here in a value or in an error that the project raises on purpose; anything else is a violation.
import { readSites } from '../../core/hooks/read.js';
import { resolveSites } from '../../core/hooks/sites.js';
import { checkModel } from '../../core/onnx/check-model.js';
import { decodeModel, encodeModel, joinChunks } from '../../core/onnx/codec.js';
import { cutToTensors, graphOf } from '../../core/onnx/cut.js';
import { externalReferences } from '../../core/onnx/external-data.js';
import { indexGraph } from '../../core/onnx/graph-index.js';
import { inferTypes } from '../../core/onnx/infer.js';
import { type AssayError, DataError, InputError } from '../../schemas/errors.js';

export interface Outcome {
  /** `read`, or what refused: the step that threw. */
  readonly outcome: 'read' | 'refused';
  readonly step: string;
  readonly ms: number;
  /** What the refusal says; empty where it was read. */
  readonly message: string;
}

/** Longest a file of the fixtures' size may take; a hundred times what a sound one takes. */
export const MAX_MS = 5000;
/** Longest message: it may not carry a stranger's megabytes. */
const MAX_MESSAGE = 16_200;

/** What became of a file. @throws what the engine threw, where that is no error raised on purpose */
export function attempt(bytes: Uint8Array): Outcome {
  const started = performance.now();
  const ms = (): number => performance.now() - started;
  let step = 'decode';
  try {
    const model = decodeModel(bytes);
    step = 'check';
    checkModel(model);
    externalReferences(model);
    step = 'index';
    indexGraph(graphOf(model));
    step = 'infer';
    inferTypes(model);
    step = 'resolve';
    const { sites } = resolveSites(model);
    step = 'read';
    const read = readSites(model, sites);
    step = 'cut';
    const wanted = [...new Set(read.tensors)].map((tensor) => ({ tensor }));
    const cut = cutToTensors(read.model, wanted);
    decodeModel(joinChunks(encodeModel(cut.model)));
    return { outcome: 'read', step: 'all', ms: ms(), message: '' };
  } catch (error) {
    if (!isIntended(error)) throw error;
    return { outcome: 'refused', step, ms: ms(), message: error.message };
  }
}

/** Whether an error is one that the project raises on purpose, with a message that can be shown. */
export function isIntended(error: unknown): error is AssayError {
  const known = error instanceof InputError || error instanceof DataError;
  return known && error.message.length > 20 && error.message.length < MAX_MESSAGE;
}
