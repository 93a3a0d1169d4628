// The model that resolved edits make of a model: those of sites and those of features, in the order of the list where they change one
// site. What an edit does: core/hooks/edit-value.ts, core/dictionaries/edit-features.ts.
import { buildMoved, buildMoves, type PlacedChange, valuesOf } from '../core/dictionaries/edit-features.js';
import { applyDictionary } from '../core/dictionaries/splice-graph.js';
import { within } from '../core/hooks/edit-region.js';
import { editValue, type EditTensor } from '../core/hooks/edit-value.js';
import { applyChanges, type SiteChange } from '../core/hooks/edits.js';
import type { Site } from '../core/hooks/sites.js';
import type { GraphBuilder } from '../core/onnx/builder.js';
import { makeExternalTensor, makeTensor } from '../core/onnx/make.js';
import type { ModelProto, TensorProto } from '../core/onnx/proto.js';
import type { Value } from '../core/onnx/shape.js';
import { DataError } from '../schemas/errors.js';
import { isFeatureEdit, type ResolvedEdit, type ResolvedFeatureEdit } from '../schemas/model-edits.js';
import type { FeatureWeights, MappedTensor } from './feature-weights.js';

/** Resolved edits with what they read. */
export interface ModelEdits {
  readonly list: readonly ResolvedEdit[];
  /** By digest. */
  readonly tensors: ReadonlyMap<string, EditTensor>;
  /** By the digest of the dictionary. */
  readonly dictionaries: ReadonlyMap<string, FeatureWeights>;
}

/** Where the tensors lie that an edited model maps from dictionaries' files. */
export function mappedFiles({ dictionaries }: ModelEdits): { readonly location: string; readonly path: string }[] {
  return [...dictionaries].map(([digest, { path }]) => ({ location: locationOf(digest), path }));
}

/** Whether nodes of opset 20 are appended, so that the model must be of it. */
export function needsNewOpset({ list }: Pick<ModelEdits, 'list'>): boolean {
  return list.some(isFeatureEdit);
}

/**
 * The edited model. @param sites of the model as it is
 * @throws InputError as applyChanges, and for a dictionary that reads what comes after a site that it writes
 */
export function applyEdits(model: ModelProto, sites: readonly Site[], edits: ModelEdits): ModelProto {
  const { tensors } = edits;
  const siteNamed = (name: string): Site | undefined => sites.find((site) => site.name === name);
  const changes = edits.list.flatMap((edit): SiteChange[] => {
    if (isFeatureEdit(edit)) return featureChanges(edit, { edits, siteNamed });
    const { site } = edit;
    const axes = siteNamed(site)?.axes ?? [];
    return [{ site, reads: [], change: (g, x) => editValue(g, x, { edit, site: { axes }, tensors }) }];
  });
  return changes.length === 0 ? model : applyChanges(model, sites, changes);
}

interface Around {
  readonly edits: ModelEdits;
  readonly siteNamed: (name: string) => Site | undefined;
}

/** One change for each site that the dictionary writes. */
function featureChanges(edit: ResolvedFeatureEdit, { edits, siteNamed }: Around): SiteChange[] {
  const { digest, sites } = edit.dictionary;
  const weights = edits.dictionaries.get(digest);
  if (weights === undefined)
    throw new DataError(
      `Expected the dictionary ${digest} that an edit names, found ${edits.dictionaries.size} others. The run's files are damaged: start it anew.`,
      { digest },
    );
  return sites.writes.map((place, write): SiteChange => {
    const site = sites.names[place] ?? '';
    const axes = siteNamed(site)?.axes ?? [];
    const others = sites.names.filter((name) => name !== site);
    return {
      site,
      reads: others,
      change: (g, x, reads) => {
        const valueOf = (of: number): Value =>
          of === place ? x : (reads[others.indexOf(sites.names[of] ?? '')] as Value);
        return changeSite(g, x, { edit, weights, write, rank: axes.length, valueOf });
      },
    };
  });
}

interface SiteEdit {
  readonly edit: ResolvedFeatureEdit;
  readonly weights: FeatureWeights;
  /** Place among the sites written. */
  readonly write: number;
  /** Axes of the site. */
  readonly rank: number;
  /** Values of the dictionary's sites. */
  readonly valueOf: (place: number) => Value;
}

function changeSite(g: GraphBuilder, x: Value, { edit, weights, write, rank, valueOf }: SiteEdit): Value {
  const { dictionary, changes } = edit;
  const { shape, features } = weights;
  const { digest, settings } = dictionary;
  const parameters = Object.fromEntries(
    [...weights.tensors].map(([name, tensor]) => [name, stored(g, protoOf({ digest, name }, tensor))]),
  );
  const placed = { ...shape, name: digest, settings };
  const { f } = applyDictionary(g, placed, {
    parameters,
    reads: shape.sites.reads.map(valueOf),
    writes: shape.sites.writes.map(valueOf),
  });
  const alone = shape.features !== dictionary.features;
  const columns = alone ? features.map((_, column) => column) : features;
  const like = valueOf(shape.sites.reads[0] ?? 0);
  const values = byPosition(g, valuesOf(g, f, columns), { like, count: features.length });
  const moves = buildMoves(g, values, placedChanges(g, values, { changes, features }));
  const rows = stored(g, protoOf({ digest, name: `rows/${write}` }, weights.rows[write] as EditTensor));
  return buildMoved(g, x, { moves, rows, rank });
}

/** [N, n] → [batch, pos, n]. */
function byPosition(
  g: GraphBuilder,
  values: Value,
  { like, count }: { readonly like: Value; readonly count: number },
): Value {
  const tokens = g.op('Slice', [g.op('Shape', [like]), g.integers(0), g.integers(2)]);
  const sizes = g.op('Concat', [tokens, g.integers(count)], { attributes: { axis: 0 } });
  const dims = (like.shape ?? ['?batch', '?pos']).slice(0, 2);
  return g.op('Reshape', [values, sizes], { shape: [...dims, count] });
}

function placedChanges(
  g: GraphBuilder,
  values: Value,
  { changes, features }: { readonly changes: ResolvedFeatureEdit['changes']; readonly features: readonly number[] },
): PlacedChange[] {
  const axes = ['batch', 'pos', 'feature'];
  return changes.map((change) => ({
    change,
    column: features.indexOf(change.feature),
    mask: within(g, values, { axes, at: change.at }).mask,
  }));
}

/** The stored tensor; made once for several sites. */
function stored(g: GraphBuilder, proto: TensorProto): Value {
  return g.find(proto.name ?? '') ?? g.initializer(proto);
}

function protoOf(
  { digest, name }: { readonly digest: string; readonly name: string },
  tensor: EditTensor | MappedTensor,
): TensorProto {
  const full = `edit/${digest}/${name}`;
  if ('data' in tensor) return makeTensor(full, { dims: tensor.shape, data: tensor.data });
  const { shape, offset, length } = tensor;
  return makeExternalTensor(full, shape, { dtype: 'float32', location: locationOf(digest), offset, length });
}

function locationOf(digest: string): string {
  return `edit/${digest}.safetensors`;
}
