// Edits as graphs: what a resolved edit does to the value of its site. Knows nothing of files, of how a user writes an edit,
// or of how a site is found and replaced (sites.ts, splice).
//
//   x  [.., d]  the value at the site        v  [d]  unit vector (`along`)       c  number (`factor`)
//   a           `value`: a number or a tensor that broadcasts to x               P  the chosen positions (`at`) and heads
//   set     x_P ← a              along v:  x_P ← x + (a·v − x·v) v       (a number: that coefficient itself)
//   scale   x_P ← c x            along v:  x_P ← x + (c − 1)(x·v) v
//   add     x_P ← x + c a        along v:  x_P ← x + c a v
//   ablate  x_P ← a, else 0      along v:  x_P ← x + (a·v − x·v) v, a = 0 where none is given
// Positions count from the start of a context, the prepended token included, negative ones from its end; in attention
// patterns they are those of the query. Everything outside P stays as it is, bit for bit. Half precision is edited in
// float32 and rounded once. Tests: tests/golden/edits (PyTorch's forward hooks), tests/unit/edits.
import { DataError } from '../../schemas/errors.js';
import type { ResolvedSiteEdit } from '../../schemas/model-edits.js';
import type { GraphBuilder } from '../onnx/builder.js';
import { DATA_TYPE } from '../onnx/data-type.js';
import { makeTensor } from '../onnx/make.js';
import type { Value } from '../onnx/shape.js';
import { positionAxis, within } from './edit-region.js';
import type { Site } from './sites.js';

/** A value or direction that an edit reads. */
export interface EditTensor {
  /** As many axes as the site has, those of size 1 spread over it; of a direction [d]. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Edits, and what they read by digest. */
export interface Edits {
  readonly list: readonly ResolvedSiteEdit[];
  readonly tensors: ReadonlyMap<string, EditTensor>;
}

export interface OneEdit {
  readonly edit: ResolvedSiteEdit;
  readonly site: Pick<Site, 'axes'>;
  readonly tensors: Edits['tensors'];
}

/** The edited value, of the type and shape of `x`. @throws DataError where a tensor that the edit names is not there */
export function editValue(g: GraphBuilder, x: Value, one: OneEdit): Value {
  const { edit, site } = one;
  // Half precision has too few digits for a projection; double stays double.
  const wide = cast(g, x, x.dtype === 'float64' ? 'float64' : 'float32');
  const region = within(g, wide, { axes: site.axes, at: edit.at, heads: edit.heads });
  const value = valueOf(g, wide, { ...one, rows: region.rows });
  const changed = edit.along
    ? alongDirection(g, wide, {
        edit,
        value,
        v: tensorOf(g, edit.along.tensor, { ...one, like: wide }),
      })
    : everywhere(g, wide, { edit, value });
  if (region.mask) return cast(g, g.op('Where', [region.mask, changed, wide]), x.dtype);
  // A value that was put in x's place need not have its shape.
  const replaced = !edit.along && (edit.op === 'set' || edit.op === 'ablate');
  const whole = replaced ? g.op('Expand', [changed, g.op('Shape', [wide])]) : changed;
  return cast(g, whole, x.dtype);
}

interface Operands {
  readonly edit: ResolvedSiteEdit;
  /** a */
  readonly value: Value | null;
}

function everywhere(g: GraphBuilder, x: Value, { edit, value }: Operands): Value {
  const c = edit.factor ?? 1;
  if (edit.op === 'scale') return g.op('Mul', [x, scalar(g, c, x)]);
  const a = value ?? scalar(g, 0, x);
  return edit.op === 'add' ? g.op('Add', [x, times(g, a, c)]) : a;
}

function alongDirection(g: GraphBuilder, x: Value, { edit, value, v }: Operands & { readonly v: Value }): Value {
  const column = g.op('Reshape', [v, g.integers(-1, 1)]);
  const onto = (y: Value): Value => g.op('MatMul', [y, column]);
  const moved = (coefficient: Value): Value => g.op('Add', [x, g.op('Mul', [coefficient, v])]);
  const c = edit.factor ?? 1;
  if (edit.op === 'scale') return moved(times(g, onto(x), c - 1));
  const a = value && isVector(value) ? onto(value) : value;
  if (edit.op === 'add') return moved(times(g, a ?? scalar(g, 1, x), c));
  return moved(g.op('Sub', [a ?? scalar(g, 0, x), onto(x)]));
}

/** The number or tensor a, its rows brought to their positions; null where the edit has none. */
function valueOf(
  g: GraphBuilder,
  x: Value,
  { edit, site, tensors, rows }: OneEdit & { readonly rows: Value | null },
): Value | null {
  if (edit.value === undefined) return null;
  if (typeof edit.value === 'number') return scalar(g, edit.value, x);
  const stored = tensorOf(g, edit.value.tensor, { tensors, like: x });
  const attributes = { axis: positionAxis(site.axes) };
  const placed = rows ? g.op('Gather', [stored, rows], { attributes }) : stored;
  const keys = site.axes.indexOf('key_pos');
  if (keys < 0 || stored.shape?.[keys] === 1) return placed;
  // A context may be shorter than the one that the value is of.
  const end = g.op('Gather', [g.op('Shape', [x]), g.integers(keys)]);
  return g.op('Slice', [placed, g.integers(0), end, g.integers(keys)]);
}

function tensorOf(
  g: GraphBuilder,
  digest: string,
  { tensors, like }: Pick<OneEdit, 'tensors'> & { readonly like: Value },
): Value {
  const name = `edit/${digest}`;
  const stored = g.find(name);
  if (stored) return cast(g, stored, like.dtype);
  const tensor = tensors.get(digest);
  if (tensor === undefined)
    throw new DataError(
      `Expected the tensor ${digest} that an edit reads, found ${tensors.size} others. The run's files are damaged: start it anew.`,
      { digest },
    );
  const { shape, data } = tensor;
  return cast(g, g.initializer(makeTensor(name, { dims: shape, data })), like.dtype);
}

/** Whether a value has a number per coordinate rather than one for all. */
function isVector({ shape }: Value): boolean {
  return shape !== null && shape.length > 0 && shape.at(-1) !== 1;
}

function times(g: GraphBuilder, x: Value, c: number): Value {
  return c === 1 ? x : g.op('Mul', [x, scalar(g, c, x)]);
}

function scalar(g: GraphBuilder, value: number, like: Value): Value {
  return g.scalar(value, like.dtype === 'float64' ? 'float64' : 'float32');
}

function cast(g: GraphBuilder, x: Value, dtype: Value['dtype']): Value {
  return x.dtype === dtype ? x : g.op('Cast', [x], { attributes: { to: DATA_TYPE[dtype] } });
}
