// From what a user writes to edits that fit a model: shapes, heads, positions, files; and every refusal.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeSafetensors, safeTensor, type SafeTensor } from '../../../../core/tensor/safetensors.js';
import type { EditTensor } from '../../../../core/hooks/edit-value.js';
import type { Site } from '../../../../core/hooks/sites.js';
import { InputError } from '../../../../schemas/errors.js';
import type { ModelEdit, ResolvedSiteEdit } from '../../../../schemas/model-edits.js';
import type { EditContext } from '../../../../models/edit-context.js';
import { loadEdits, resolveEdits, type ResolvedEdits } from '../../../../models/edits.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const folder = temporaryFolder('edits');
beforeAll(async () => {
  const floats = (...shape: number[]): SafeTensor => {
    const count = shape.reduce((a, b) => a * b, 1);
    return safeTensor(
      Float32Array.from({ length: count }, (_, i) => i + 1),
      shape,
    );
  };
  const tensors = new Map<string, SafeTensor>([
    ['vector', floats(4)],
    ['double', safeTensor(Float64Array.of(1, 2, 3, 4), [4])],
    ['half', safeTensor(Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4400), [4])],
    ['brain', safeTensor(Uint16Array.of(0x3f80, 0x4000, 0x4040, 0x4080), [4], 'BF16')],
    ['rows', floats(8, 4)],
    ['batched', floats(1, 8, 4)],
    ['two', floats(2, 4)],
    ['twice', floats(2, 8, 4)],
    ['heads', floats(3, 2)],
    ['head', floats(1, 2)],
    ['pair', floats(2, 2)],
    ['pattern', floats(3, 8, 8)],
    ['short', floats(3, 6, 6)],
    ['wide', floats(5)],
    ['blocks.0.hook_mlp_out', floats(1, 8, 4)],
    ['zero', safeTensor(new Float32Array(4), [4])],
    ['nan', safeTensor(Float32Array.of(1, NaN, 3, 4), [4])],
    ['infinite', safeTensor(Float32Array.of(1, Infinity, 3, 4), [4])],
    ['integers', safeTensor(Int32Array.of(1, 2, 3, 4), [4])],
    ['scaled', safeTensor(Float32Array.of(2, 4, 6, 8), [4])],
  ]);
  await writeFile(join(folder, 'f.safetensors'), Buffer.concat(encodeSafetensors(tensors)));
  const copy = new Map([['other name', tensors.get('vector') as SafeTensor]]);
  await writeFile(join(folder, 'copy.safetensors'), Buffer.concat(encodeSafetensors(copy)));
  await writeFile(join(folder, 'cut.safetensors'), Buffer.concat(encodeSafetensors(tensors)).subarray(0, 900));
});

function site(name: string, axes: Readonly<Record<string, number | string>>): Site {
  const sizes = Object.values(axes);
  const last = sizes.at(-1);
  const width = typeof last === 'number' ? last : 0;
  return {
    name,
    tensor: name,
    axes: Object.keys(axes),
    sizes,
    width,
    view: null,
    readers: null,
    readOnly: null,
  };
}

const SITES = [0, 1].flatMap((n) => [
  site(`blocks.${n}.attn.hook_pattern`, { batch: 'b', head: 3, query_pos: 's', key_pos: 's' }),
  site(`blocks.${n}.attn.hook_z`, { batch: 'b', pos: 's', head: 3, d_head: 2 }),
  site(`blocks.${n}.hook_mlp_out`, { batch: 'b', pos: 's', d_model: 4 }),
  { ...site(`blocks.${n}.hook_mlp_in`, { batch: 'b', pos: 's', d_model: 4 }), readOnly: 'so' },
]);
const [PATTERN, Z, MLP] = ['blocks.0.attn.hook_pattern', 'blocks.0.attn.hook_z', 'blocks.0.hook_mlp_out'];

type OfSites = Omit<ResolvedEdits, 'list'> & { readonly list: readonly ResolvedSiteEdit[] };

async function resolve(edits: ModelEdit | ModelEdit[], context: Partial<EditContext> = {}): Promise<OfSites> {
  const { list, ...rest } = await resolveEdits([edits].flat(), {
    model: { sites: SITES, layers: 2 },
    length: 8,
    lengthName: 'model.contextTokens',
    batch: null,
    folder,
    runValue: null,
    digest: null,
    dictionary: null,
    where: (edit, field) => `model.edits[${edit}]${field ? `.${field}` : ''}`,
    ...context,
  });
  return { ...rest, list: list.filter((edit): edit is ResolvedSiteEdit => 'site' in edit) };
}

/** The tensor that the only edit's value became. */
async function valueOf(edit: Partial<ModelEdit>, context?: Partial<EditContext>): Promise<EditTensor> {
  const { list, tensors } = await resolve({ site: MLP, op: 'set', ...edit }, context);
  const value = list[0]?.value;
  const found = typeof value === 'object' ? tensors.get(value.tensor) : undefined;
  if (!found) throw new RangeError('the edit has no tensor');
  return found;
}

describe('resolved edits', () => {
  it('name their sites, in the order of the model, those at one site as given', async () => {
    const { list } = await resolve([
      { site: 'blocks.1.hook_mlp_out', op: 'ablate' },
      { site: 'blocks.*.hook_mlp_out', op: 'scale', factor: 2 },
      { site: PATTERN, op: 'set', value: 0 },
    ]);
    expect(list).toEqual([
      { site: PATTERN, op: 'set', value: 0 },
      { site: MLP, op: 'scale', factor: 2 },
      { site: 'blocks.1.hook_mlp_out', op: 'ablate' },
      { site: 'blocks.1.hook_mlp_out', op: 'scale', factor: 2 },
    ]);
  });

  it('name what they read by content: another file, tensor name or form of the same numbers is the same edit', async () => {
    const at = async (edit: Partial<ModelEdit>) => (await resolve({ site: MLP, op: 'add', ...edit })).list;
    const first = await at({ value: 'f.safetensors#vector' });
    expect(await at({ value: join(folder, 'copy.safetensors#other name') })).toEqual(first);
    for (const form of ['double', 'half', 'brain'])
      expect(await at({ value: `f.safetensors#${form}`, factor: 1 })).toEqual(first);
    expect(await at({ value: 'f.safetensors#rows' })).toEqual(await at({ value: 'f.safetensors#batched' }));
    expect(await at({ value: 'f.safetensors#scaled' })).not.toEqual(first);
    // A direction is one whatever its length.
    const along = { value: 1, along: 'f.safetensors#vector' };
    expect(await at(along)).toEqual(await at({ ...along, along: 'f.safetensors#scaled' }));
  });

  it('take the tensor called as the site where none is named', async () => {
    expect((await valueOf({ value: 'f.safetensors' })).shape).toEqual([1, 8, 4]);
  });

  it('have values in the axes of their site', async () => {
    expect(await valueOf({ value: 'f.safetensors#vector' })).toEqual({
      shape: [1, 1, 4],
      data: Float32Array.of(1, 2, 3, 4),
    });
    expect((await valueOf({ value: 'f.safetensors#two', at: [3, -1] })).shape).toEqual([1, 2, 4]);
    expect((await valueOf({ site: Z, value: 'f.safetensors#heads' })).shape).toEqual([1, 1, 3, 2]);
    expect((await valueOf({ site: PATTERN, value: 'f.safetensors#pattern' })).shape).toEqual([1, 3, 8, 8]);
    expect((await valueOf({ value: 'f.safetensors#twice' }, { batch: 2 })).shape).toEqual([2, 8, 4]);
  });

  it('have the values of chosen heads at their places', async () => {
    const value = await valueOf({ site: Z, value: 'f.safetensors#head', heads: [1] });
    expect(value).toEqual({ shape: [1, 1, 3, 2], data: Float32Array.of(0, 0, 1, 2, 0, 0) });
    // In the order in which they are named.
    const two = await valueOf({ site: Z, value: 'f.safetensors#pair', heads: [2, 0] });
    expect(two).toEqual({ shape: [1, 1, 3, 2], data: Float32Array.of(3, 4, 0, 0, 1, 2) });
    // One value for two chosen heads is spread over them; values of all heads stay.
    expect((await valueOf({ site: Z, value: 'f.safetensors#head', heads: [0, 2] })).shape).toEqual([1, 1, 1, 2]);
    expect((await valueOf({ site: Z, value: 'f.safetensors#heads', heads: [2, 0] })).shape).toEqual([1, 1, 3, 2]);
  });

  it('have rows at their positions', async () => {
    const { list } = await resolve({
      site: MLP,
      op: 'set',
      value: 'f.safetensors#two',
      at: [3, -1],
    });
    expect(list[0]?.at).toEqual([
      { from: 3, to: 4, row: 0 },
      { from: -1, to: null, row: 1 },
    ]);
    const whole = await resolve({ site: MLP, op: 'set', value: 'f.safetensors#rows' });
    expect(whole.list[0]?.at).toEqual([{ from: 0, to: null, row: 0 }]);
  });

  it('are read back from their stored files', async () => {
    const { list, tensors, files } = await resolve([
      { site: MLP, op: 'add', value: 'f.safetensors#rows', along: 'f.safetensors#vector' },
      { site: Z, op: 'set', value: 'f.safetensors#head', heads: [1] },
    ]);
    expect(files.length).toBe(3);
    const paths: Record<string, string> = {};
    for (const { sha256, bytes } of files) {
      paths[sha256] = join(folder, sha256);
      await writeFile(join(folder, sha256), bytes);
    }
    expect(await loadEdits(list, paths)).toEqual({ list, tensors, dictionaries: new Map() });
  });

  it('ask for another prompt’s values once it is allowed', async () => {
    const asked: string[] = [];
    const runValue = (file: string, name: string): Promise<EditTensor> => {
      asked.push(`${file} ${name}`);
      return Promise.resolve({ shape: [1, 5, 4], data: new Float32Array(20).fill(0.5) });
    };
    const edit: ModelEdit = { site: MLP, op: 'set', value: 'run:ids.json', at: ['7<-4'] };
    const { list } = await resolve(edit, { runValue });
    expect(asked).toEqual([`${join(folder, 'ids.json')} ${MLP}`]);
    expect(list[0]?.at).toEqual([{ from: 7, to: 8, row: 4 }]);
    await expect(resolve({ ...edit, at: [2] }, { runValue })).rejects.toThrow('found 5 rows');
  });
});

describe('an edit that does not fit', () => {
  const set = (value: string): ModelEdit => ({ site: MLP, op: 'set', value });
  it.each<[string, ModelEdit, string]>([
    [
      'an unknown site',
      { site: 'blocks.0.hook_mlp_ot', op: 'ablate' },
      'model.edits[0].site: Unknown site "blocks.0.hook_mlp_ot": the model has 2 blocks (0 to 1); nearest: blocks.0.hook_mlp_out',
    ],
    ['a missing file', set('none.safetensors#a'), 'model.edits[0].value: Expected a safetensors file at'],
    ['a damaged file', set('cut.safetensors#vector'), 'found none that can be read: Not a whole safetensors file'],
    ['a missing tensor', set('f.safetensors#vektor'), 'Expected a tensor "vektor" in'],
    [
      'a missing tensor of no near name',
      set('f.safetensors#qqqqqq'),
      'it has vector, double, half, brain, rows, batched, two, twice, … (20 in all)',
    ],
    ['integers', set('f.safetensors#integers'), 'as F32, F64, F16 or BF16, found I32. Convert it to float32'],
    [
      'a wrong width',
      set('f.safetensors#wide'),
      'with the shape [1, pos, d_model 4] of the site, axes at the front left out or of size 1, found [5]',
    ],
    ['too many axes', set('f.safetensors#pattern'), 'found [3, 8, 8]'],
    [
      'several contexts',
      set('f.safetensors#twice'),
      'with the shape [1, pos, d_model 4] of the site, axes at the front left out or of size 1, found [2, 8, 4]',
    ],
    [
      'another number of rows',
      set('f.safetensors#two'),
      'Expected a value with 8 rows, one per token of a context (model.contextTokens), found 2 rows',
    ],
    [
      'keys of another length',
      { site: PATTERN, op: 'set', value: 'f.safetensors#short' },
      '[1, head 3, query_pos, key_pos 8] of the site',
    ],
    [
      'heads of another number',
      { site: Z, op: 'set', value: 'f.safetensors#heads', heads: [0, 9] },
      'model.edits[0].heads: Expected heads 0 to 2, because blocks.0.attn.hook_z has 3, found 9',
    ],
    [
      'a site without heads',
      { site: MLP, op: 'ablate', heads: [0] },
      'Expected a site with heads, found blocks.0.hook_mlp_out [batch, pos, d_model]',
    ],
    [
      'a position beyond the context',
      { site: MLP, op: 'ablate', at: [8] },
      'model.edits[0].at: Expected positions from 0 to 7',
    ],
    [
      'a site that can only be read',
      { site: 'blocks.*.hook_mlp_in', op: 'ablate' },
      'model.edits[0].site: Site blocks.0.hook_mlp_in can be read but not edited: so.',
    ],
    ['NaN', set('f.safetensors#nan'), 'Expected numbers in tensor "nan" of'],
    ['infinity', set('f.safetensors#infinite'), 'Expected finite numbers in tensor "infinite" of'],
    [
      'a zero direction',
      { site: MLP, op: 'ablate', along: 'f.safetensors#zero' },
      'model.edits[0].along: Expected a direction other than the zero vector',
    ],
    [
      'a direction with NaN',
      { site: MLP, op: 'ablate', along: 'f.safetensors#nan' },
      'Expected numbers in tensor "nan"',
    ],
    [
      'a direction of another width',
      { site: MLP, op: 'ablate', along: 'f.safetensors#wide' },
      'Expected a direction of shape [4] in tensor "wide"',
    ],
    [
      'a direction over keys',
      { site: PATTERN, op: 'ablate', along: 'f.safetensors#vector' },
      'along which there is no direction',
    ],
    [
      'another prompt’s run in a run file',
      set('run:ids.json'),
      "A run file takes no other prompt's run: write its values by `assay model run --hooks blocks.0.hook_mlp_out --out FILE`",
    ],
  ])('is refused with what was found: %s', async (_, edit, message) => {
    const refused = resolve(edit);
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow(message);
  });
});
