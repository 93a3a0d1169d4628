// The models that cross-entropy is measured with: one with fed vectors in place of the rows of what dictionaries write, one with the
// dictionaries themselves there, all at once.
import { applyEdits, mappedFiles } from '../../models/apply-edits.js';
import { loadEdits } from '../../models/edits.js';
import {
  editable,
  loadModel,
  type ModelPlace,
  type ModelSession,
  prepareModel,
  readModel,
} from '../../models/model-session.js';
import {
  appendLosses,
  LOSSES,
  type ModelDictionary,
  spliceDictionaries,
  type SplicedModel,
  spliceVectors,
} from '../../models/splice-dictionaries.js';
import { InputError } from '../../schemas/errors.js';
import type { ActivationsConfig } from '../activations/config.js';

/** The two models of an evaluation, loaded. */
export interface LossModels {
  readonly ablated: ModelSession;
  readonly spliced: ModelSession;
}

export interface Held {
  /** Null where cross-entropy has no meaning: a model without logits, a dictionary that reads behind what it writes. */
  readonly loaded: LossModels | null;
  readonly release: () => Promise<void>;
}

export async function loadModels(
  given: ModelPlace,
  keyed: ActivationsConfig['keyed'],
  dictionaries: readonly ModelDictionary[],
): Promise<Held> {
  const edits = await loadEdits(keyed.model.edits, given.editValues ?? {});
  const place = { ...given, external: [...given.external, ...mappedFiles(edits)] };
  const read = editable(await readModel(place), edits);
  const { resolved } = read;
  const nothing = { loaded: null, release: () => Promise.resolve() };
  if (resolved.results.logits === null) return nothing;
  const edited = { model: applyEdits(read.model, resolved.sites, edits), sites: resolved.sites };
  const written = dictionaries.flatMap(({ sites: { names, writes } }) => writes.map((at) => names[at] ?? ''));
  const load = async (spliced: SplicedModel): Promise<ModelSession> => {
    const lossy = appendLosses(spliced.model, resolved);
    const prepared = await prepareModel(place, [], {
      ...{ extra: [LOSSES.nats], read: { ...read, model: lossy.model }, added: [...spliced.added, ...lossy.added] },
      ...{ positionStart: keyed.positionStart ?? 0 },
    });
    return loadModel(prepared, keyed.engine);
  };
  const replaced = spliceOrNull(edited, dictionaries);
  if (replaced === null) return nothing;
  const ablated = await load(spliceVectors(edited, written));
  const spliced = await load(replaced);
  return {
    loaded: { ablated, spliced },
    release: async () => {
      await ablated.release();
      await spliced.release();
    },
  };
}

/** Null for a crosscoder over layers: what it reads would come from what it writes. */
function spliceOrNull(
  source: Parameters<typeof spliceDictionaries>[0],
  dictionaries: readonly ModelDictionary[],
): SplicedModel | null {
  const several = dictionaries.some(({ sites }) => sites.writes.length > 1);
  try {
    return spliceDictionaries(source, dictionaries);
  } catch (error) {
    if (several && error instanceof InputError) return null;
    throw error;
  }
}
