// Whether an extraction child is likely to need more than its model and 1 GiB, and which batchTokens would not. Reads a
// resolved run alone; the numbers are for a warning, never for reports.
//   pass = 4 · T · (2·Σw + 2·(12·d + 2·h·C))  bytes
// T tokens of a pass; w the width of each site, kept by ONNX Runtime and copied out of it; d the model's width, so that an
// MLP of 4·d holds about three tensors at once; h·C scores and as many weights of attention per token, C tokens of context,
// h = d/64 heads. The arena keeps the workspace twice: the first pass takes it piece by piece, the second as one block
// (measured on a GPT-2 of the small size: 91 to 99 KB per token at C = 128, 166 at 512; the formula gives 102 and 174;
// a torch export 128 wide, with more of its GELU and mask spelled out, took 32 where the formula gives 17).
// Rows in waiting come on top. On a GPU the workspace is not the child's.
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { stepsOfRun } from './steps.js';

/** What a child may need besides its model. */
const ALLOWED_BYTES = 2 ** 30;
/** Rows in waiting take no more than this; the rest waits in scratch files. */
const ROWS_BYTES = 128 * 2 ** 20;
const HEAD_WIDTH = 64;

export interface ExtractionMemory {
  /** Bytes of one forward pass, with outputs and workspace. */
  readonly pass: number;
  /** Bytes of rows in waiting. */
  readonly rows: number;
  /** Largest pass that fits: contextTokens times a power of two; null where no context fits. */
  readonly batchTokens: number | null;
}

/** What an extraction child of the run is likely to need besides its model. */
export function extractionMemory({ file, sites, model }: ResolvedRun): ExtractionMemory {
  const { contextTokens } = file.model;
  const widths = sites.reduce((sum, site) => sum + site.width, 0);
  const heads = Math.ceil(model.width / HEAD_WIDTH);
  const perToken = 4 * (2 * widths + 2 * (12 * model.width + 2 * heads * contextTokens));
  const valueBytes = file.activations.dtype === 'float16' ? 2 : 4;
  const rows = Math.min(ROWS_BYTES, file.corpus.shardTokens * widths * valueBytes);
  const contexts = (ALLOWED_BYTES - rows) / (perToken * contextTokens);
  return {
    // At least one context goes into a pass.
    pass: Math.max(contextTokens, file.activations.batchTokens) * perToken,
    rows,
    batchTokens: contexts < 1 ? null : contextTokens * 2 ** Math.floor(Math.log2(contexts)),
  };
}

/** A sentence that warns, with what to set; null where an extraction child is likely to fit. */
export function extractionMemoryNote(run: ResolvedRun): string | null {
  if (run.engine.provider !== 'cpu' || !stepsOfRun(run).some(({ stage }) => stage === 'activations')) return null;
  const { pass, rows, batchTokens } = extractionMemory(run);
  if (pass + rows <= ALLOWED_BYTES) return null;
  const { activations, model } = run.file;
  const what = `An extraction child is likely to need about ${megabytes(pass + rows)} MB besides its model, more than ${megabytes(ALLOWED_BYTES)} MB (activations.batchTokens: ${activations.batchTokens})`;
  return batchTokens === null
    ? `${what}. One context of ${model.contextTokens} tokens takes as much: lower model.contextTokens or take fewer sites per run.`
    : `${what}. Set activations.batchTokens: ${batchTokens} or lower.`;
}

function megabytes(bytes: number): string {
  return String(Math.round(bytes / 2 ** 20));
}
