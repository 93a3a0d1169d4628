// Edits of a model: each edited site is replaced by what its edits make of it. What an edit does: edit-value.ts.
import type { GraphBuilder } from '../onnx/builder.js';
import type { ModelProto } from '../onnx/proto.js';
import type { Value } from '../onnx/shape.js';
import { editValue, type Edits } from './edit-value.js';
import { spliceSites, type SiteSplice } from './splice.js';
import type { Site } from './sites.js';

/**
 * The model in which everything after an edited site reads the edited value; a site itself then has the edited value too.
 * Edits at one site apply in the order of the list.
 */
export function applyEdits(model: ModelProto, sites: readonly Site[], edits: Edits): ModelProto {
  if (edits.list.length === 0) return model;
  const splices = sites.flatMap((site): SiteSplice[] => {
    const own = edits.list.filter((edit) => edit.site === site.name);
    if (own.length === 0) return [];
    const edit = (g: GraphBuilder, x: Value): Value =>
      own.reduce((value, one) => editValue(g, value, { edit: one, site, tensors: edits.tensors }), x);
    return [{ site, edit }];
  });
  return spliceSites(model, splices);
}
