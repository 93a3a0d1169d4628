// Means and principal components in the compute child.
//
//   C = Σ (x − μ)(x − μ)ᵀ / N over fit rows, blocks of rows by one ONNX product in float32, blocks added in float64
//   μ is subtracted in float64 before the product, so that a large mean costs no digits
import { createHash } from 'node:crypto';
import path from 'node:path';
import { symmetricEigen } from '../../core/dictionaries/symmetric-eigen.js';
import { GraphBuilder } from '../../core/onnx/builder.js';
import { halfsToFloats } from '../../core/tensor/half.js';
import type { ChildContext } from '../../runtime/child/protocol.js';
import { Session } from '../../runtime/session.js';
import { DataError } from '../../schemas/errors.js';
import { readActivations, readTable } from '../../storage/tables/read.js';
import { writeChunks } from '../../storage/files/local-file.js';
import type { ChildOutput, SpoolFile } from '../stage.js';
import { writeBasis, type SiteBasis } from './basis-file.js';
import type { BasisRequest, StatedMoments } from './messages.js';

const BLOCK_ROWS = 4096;

export async function makeBasis(request: BasisRequest, context: ChildContext): Promise<ChildOutput> {
  const { spool, key, config, fit, calib, measured } = request;
  const sites = fit.map((own, i): SiteBasis => {
    const meanFit = meanOf(own, 'fit');
    return {
      meanFit,
      meanCalib: (calib[i]?.rows ?? 0) > 0 ? meanOf(calib[i] as StatedMoments, 'calib') : meanFit,
      centre: (measured[i]?.rows ?? 0) > 0 ? meanOf(measured[i] as StatedMoments, config.keyed.split) : meanFit,
      fit: { rows: own.rows, sumSq: own.sumSq, sumX: Float64Array.from(own.sumX) },
    };
  });
  const [only] = sites;
  const found = config.keyed.components && only ? await principal(request, only.meanFit, context) : null;
  const basis = { sites, components: found?.components ?? null };
  const files: SpoolFile[] = [
    await writeBasis(path.join(spool, 'basis.safetensors'), basis, { key, eigenvalues: found?.values ?? null }),
  ];
  if (request.documents !== null)
    files.push(await writeTexts(path.join(spool, 'texts.bin'), request.documents, context));
  return { files, statistics: { fitRows: fit.map(({ rows }) => rows), componentRows: found?.rows ?? 0 } };
}

function meanOf({ rows, sumX }: StatedMoments, split: string): Float64Array {
  if (rows > 0) return Float64Array.from(sumX, (sum) => sum / rows);
  throw new DataError(
    `Expected rows of the split ${split}, found none; nothing can be measured. Check corpus.split and the quarantine.`,
    { split },
  );
}

interface Principal {
  readonly components: Float32Array;
  readonly values: Float64Array;
  readonly rows: number;
}

async function principal(
  { take, config: { keyed, aux } }: BasisRequest,
  mean: Float64Array,
  context: ChildContext,
): Promise<Principal> {
  const width = aux.widths[0] ?? 0;
  const g = new GraphBuilder('scatter');
  const rows = g.input('rows', 'float32', [BLOCK_ROWS, width]);
  g.output(g.op('Gemm', [rows, rows], { attributes: { transA: 1 } }), 'scatter');
  const session = await Session.create(g.toModelBytes(), keyed.engine);
  const scatter = new Float64Array(width * width);
  const block = new Float32Array(BLOCK_ROWS * width);
  let count = 0;
  try {
    for (const [index, wanted] of take.entries()) {
      const { act } = await readActivations(await context.ask<string>('rows', { index }));
      const values = act instanceof Uint16Array ? halfsToFloats(act) : act;
      for (let from = 0; from < wanted; from += BLOCK_ROWS) {
        const here = Math.min(BLOCK_ROWS, wanted - from);
        block.fill(0);
        for (let i = 0; i < here * width; i++)
          block[i] = (values[from * width + i] as number) - (mean[i % width] as number);
        const outputs = await session.run({ rows: { dtype: 'float32', dims: [BLOCK_ROWS, width], data: block } });
        const own = outputs['scatter']?.data as Float32Array;
        for (let i = 0; i < own.length; i++) scatter[i] = (scatter[i] as number) + (own[i] as number);
        count += here;
        context.progress({ rows: count });
      }
    }
  } finally {
    await session.release();
  }
  for (let i = 0; i < width; i++)
    for (let j = 0; j <= i; j++) {
      const value = ((scatter[i * width + j] as number) + (scatter[j * width + i] as number)) / (2 * count);
      scatter[i * width + j] = value;
      scatter[j * width + i] = value;
    }
  const { values, vectors } = symmetricEigen(scatter, width, () => {
    context.alive();
  });
  return { components: Float32Array.from(vectors), values, rows: count };
}

/** Bytes of a text's digest that tell it from others. */
export const TEXT_DIGEST_BYTES = 16;

export function textDigest(text: string): string {
  return createHash('sha256')
    .update(text)
    .digest('hex')
    .slice(0, 2 * TEXT_DIGEST_BYTES);
}

/** Sorted digests of the texts of all fit documents, end to end. */
async function writeTexts(file: string, documents: number, context: ChildContext): Promise<SpoolFile> {
  const digests = new Set<string>();
  for (let index = 0; index < documents; index++) {
    const { columns } = await readTable('documents', await context.ask<string>('documents', { index }));
    for (const text of columns.text) digests.add(textDigest(text));
    context.alive();
  }
  const written = await writeChunks(file, [Buffer.from([...digests].sort().join(''), 'hex')]);
  return { ...written, table: 'texts', extension: 'bin', rows: digests.size, batches: [] };
}
