// A model as one graph of plain operators, which is what sites, derivatives and cuts see: its own functions are written out, and
// of a merged decoder the branch without a cache is taken.
// requires: a decoded model. ensures: no functions; no input that chooses between cache and no cache; the same results as with
// that input at false.
import { DATA_TYPE } from '../data-type.js';
import type { ModelProto } from '../proto.js';
import { inlineFunctions } from './inline-functions.js';
import { selectBranch } from './select-branch.js';

/** The input by which merged decoders choose, as optimum and transformers.js name it. */
const CACHE_SWITCH = 'use_cache_branch';

/**
 * The model as one flat graph.
 * 1. Calls of its own functions become their nodes. 2. With a bool input `use_cache_branch`, the branch for false is the graph.
 * @throws InputError as inlineFunctions and selectBranch
 */
export function flattenModel(model: ModelProto): ModelProto {
  const inlined = inlineFunctions(model);
  const chooses = inlined.graph?.input.some(
    ({ name, type }) => name === CACHE_SWITCH && type?.tensorType?.elemType === DATA_TYPE.bool,
  );
  return chooses ? selectBranch(inlined, { input: CACHE_SWITCH, value: false }) : inlined;
}
