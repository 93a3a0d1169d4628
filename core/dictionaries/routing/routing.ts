// Kinds whose features are divided among experts: what `architectures.ts` puts around every kind.
import type { Architecture } from '../architecture.js';
import { buildFrozenInference, frozenParameters } from './frozen.js';
import { buildLearnedForward, buildLearnedLoss, learnedParameters } from './learned.js';

/** The kind, which is routed where its sites say so. */
export function withRouting(kind: Architecture): Architecture {
  return {
    ...kind,
    parameters: (sizes) => {
      const { routed } = sizes.sites;
      if (!routed) return kind.parameters(sizes);
      return routed.kind === 'frozen' ? frozenParameters(kind, sizes) : learnedParameters(kind, sizes);
    },
    buildForward: (tape, inputs) =>
      inputs.sites.routed?.kind === 'learned' ? buildLearnedForward(tape, inputs) : kind.buildForward(tape, inputs),
    buildLoss: (tape, of) =>
      of.inputs.sites.routed?.kind === 'learned' ? buildLearnedLoss(tape, of) : kind.buildLoss(tape, of),
    buildInference: (tape, inputs) => {
      const { routed } = inputs.sites;
      if (!routed) return kind.buildInference(tape, inputs);
      return routed.kind === 'frozen' ? buildFrozenInference(kind, tape, inputs) : buildLearnedForward(tape, inputs);
    },
  };
}
