// The activations task of the compute child on the tiny language model against PyTorch's numbers
// (tests/fixtures/tiny-lm/make_tiny_lm.py): a tokens file goes in, an activations file comes out.
import { mkdtempSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { halfsToFloats } from '../../../core/tensor/half.js';
import { asFloat32, asIntegers, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import { ORT_VERSION } from '../../../runtime/session.js';
import { runActivationsTask, type ActivationsRequest } from '../../../stages/activations/task.js';
import { runModel } from '../../../models/run-model.js';
import { readActivations } from '../../../storage/tables/read.js';
import { TableWriter } from '../../../storage/tables/table-writer.js';
import { childContext } from '../../harness/local-children.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { TINY_LM } from '../../harness/fixtures.js';

const SITES = [0, 1, 2, 3].map((n) => `blocks.${n}.hook_resid_post`);
const WIDTH = 128;
const DOC = 41;
const INPUT = 'b'.repeat(64);

const reference = decodeSafetensors(readFileSync(`${TINY_LM}/reference.safetensors`));
const context = childContext();
const folder = temporaryFolder('activations');
let tokens = '';

/** Row 0 of the reference is token 0 and the first 63 tokens of the first test chapter. */
function rowIds(row: number): number[] {
  const ids = reference.get('input_ids');
  return ids ? asIntegers(ids).slice(row * 64, row * 64 + 64) : [];
}

beforeAll(async () => {
  tokens = path.join(folder, 'tokens.arrow');
  const ids = rowIds(0).slice(1);
  const writer = await TableWriter.open({
    table: 'tokens',
    path: tokens,
    shard: 's',
    metadata: null,
  });
  const starts = Uint32Array.from(ids, (_, i) => i);
  const list = { offsets: Uint32Array.of(0, ids.length), ids: Uint32Array.from(ids), starts, ends: starts };
  await writer.write({ doc: Uint32Array.of(DOC), ...list });
  await writer.finish();
});

function request(change: Partial<ActivationsRequest['keyed']> = {}, wanted = SITES): ActivationsRequest {
  return {
    shard: 's',
    input: INPUT,
    tokens: [tokens],
    model: { onnx: `${TINY_LM}/model.onnx`, external: [] },
    keyed: {
      tokensKey: 'a'.repeat(64),
      model: { base: 'c'.repeat(64), edits: [] },
      contextTokens: 64,
      prependId: 0,
      packing: 'document',
      dropPositions: [],
      dtype: 'float16',
      batchTokens: 8192,
      engine: { ort: ORT_VERSION, provider: 'cpu', threads: 1, optimisation: 'all' },
      ...change,
    },
    sites: SITES,
    wanted: wanted.map((site, i) => ({ site, key: String(i).repeat(64) })),
    spool: mkdtempSync(path.join(folder, 'spool-')),
  };
}

describe('the activations task', () => {
  it.each(['float16', 'float32'] as const)('stores what PyTorch computed, %s', async (dtype) => {
    const outputs = await runActivationsTask(request({ dtype }), context);
    expect(outputs).toHaveLength(SITES.length);
    for (const [n, output] of outputs.entries()) {
      const expected = asFloat32(reference.get(SITES[n] as string) as never).subarray(0, 64 * WIDTH);
      const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const columns = await readActivations(output.files[0]?.path ?? '');
      const act = columns.act instanceof Uint16Array ? halfsToFloats(columns.act) : columns.act;
      expect([...columns.pos].sort((a, b) => a - b)).toEqual(Array.from({ length: 63 }, (_, i) => i));
      const sum = new Float64Array(WIDTH);
      let sumSq = 0;
      columns.pos.forEach((pos, row) => {
        expect(columns.doc[row]).toBe(DOC);
        for (let j = 0; j < WIDTH; j++) {
          const a = act[row * WIDTH + j] as number;
          const b = expected[(pos + 1) * WIDTH + j] as number;
          expect(Math.abs(a - b)).toBeLessThanOrEqual(2 ** -10 * Math.abs(b) + 1e-6 * scale);
          sum[j] = (sum[j] as number) + a;
          sumSq += a * a;
        }
      });
      const { rows, tokens: count, sumX, sumSq: stated } = output.statistics;
      expect([rows, count]).toEqual([63, 63]);
      expect(stated).toBeCloseTo(sumSq, 6);
      const stored = new Float64Array(new Uint8Array(Buffer.from(sumX as string, 'base64')).buffer);
      expect(Array.from(stored)).toEqual(Array.from(sum));
    }
  });

  it('gives equal bytes when only some sites are missing, and when it runs again', async () => {
    const all = await runActivationsTask(request(), context);
    const some = await runActivationsTask(request({}, [SITES[2] as string]), context);
    const key = { ...request({}, [SITES[2] as string]) };
    const again = await runActivationsTask({ ...key, spool: mkdtempSync(path.join(folder, 'x-')) }, context);
    expect(again[0]?.files[0]?.sha256).toBe(some[0]?.files[0]?.sha256);
    const rows = (file: string | undefined): Promise<{ readonly pos: Uint32Array }> => readActivations(file ?? '');
    const stored = await rows(some[0]?.files[0]?.path);
    expect(stored.pos).toHaveLength(63);
    expect(stored).toEqual(await rows(all[2]?.files[0]?.path));
  });

  it('leaves out dropped positions and puts the rows of all sites in one order', async () => {
    const outputs = await runActivationsTask(request({ contextTokens: 17, dropPositions: [0, 1] }), context);
    const files = await Promise.all(outputs.map((o) => readActivations(o.files[0]?.path ?? '')));
    // 63 tokens in contexts of 16 + the prepended one; each loses its first token.
    expect(files[0]?.pos.length).toBe(63 - 4);
    for (const file of files) expect(file.pos).toEqual(files[0]?.pos);
    const dropped = [0, 16, 32, 48];
    expect(dropped.filter((pos) => files[0]?.pos.includes(pos))).toEqual([]);
    expect([...(files[0]?.pos ?? [])]).not.toEqual([...(files[0]?.pos ?? [])].sort((a, b) => a - b));
  });

  it('stores the vectors of heads with their heads joined', async () => {
    const site = 'blocks.1.attn.hook_z';
    const keyed = request({ dtype: 'float32' }, [site]);
    const [output] = await runActivationsTask({ ...keyed, sites: [site] }, context);
    const columns = await readActivations(output?.files[0]?.path ?? '');
    const engine = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
    const ids = Uint32Array.from(rowIds(0));
    const values = await runModel(`${TINY_LM}/model.onnx`, { ids, length: 64 }, { hooks: [site], engine });
    expect(values.get(site)?.dims).toEqual([1, 64, 4, 32]);
    const expected = values.get(site)?.data as Float32Array;
    const act = columns.act as Float32Array;
    expect(act).toHaveLength(63 * WIDTH);
    columns.pos.forEach((pos, row) => {
      const own = expected.subarray((pos + 1) * WIDTH, (pos + 2) * WIDTH);
      act.subarray(row * WIDTH, (row + 1) * WIDTH).forEach((x, j) => {
        expect(Math.abs(x - (own[j] as number))).toBeLessThanOrEqual(1e-6);
      });
    });
  });
});
