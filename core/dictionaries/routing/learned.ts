// Switch: experts with a router that is trained with them (Mudide et al. 2024, arXiv 2410.08201).
//
//   z = W_enc (x − b_dec) + b_enc                     [B, F]; F = E n, expert e has the n features from e n on
//   p = softmax(W_router (x − b_router))              [B, E];   e* = argmax p, ties to the lower expert
//   f = p_e* · (the k largest of relu(z) among the features of e*)
//   x_hat = W_decᵀ f + b_dec
//   loss = Σ‖e‖² / (B V) + balance · E Σ_e F_e P_e + AuxK / 32
//   F_e: share of the batch's rows with e* = e, a constant;  P_e: mean p_e over the batch;  the balance term is 1 where all are equal
//
// Gradients: core/autodiff; e* has none, the router learns through p_e* and the balance term. AuxK revives dead features among those
// of the row's own expert, unweighted.
// Departures: the source has no b_enc, weighs the balance term by lb_alpha · d beside Σ‖e‖² / B in the units of its data (here it
// stands beside an error divided by V), and trains without AuxK. The default weight 0.01 is that of Fedus et al. 2021
// (arXiv 2101.03961, section 2.2) for this term.
// Proof: tests/golden/sae/routed-steps.test.ts.
import { InputError } from '../../../schemas/errors.js';
import { DATA_TYPE } from '../../onnx/data-type.js';
import type { Value } from '../../onnx/shape.js';
import {
  type Architecture,
  type DictionarySizes,
  type Forward,
  type Loss,
  type LossInputs,
  type Parameter,
  type StepInputs,
  settingOf,
} from '../architecture.js';
import { buildLargestPairs } from '../selections.js';
import type { Tape } from '../tape.js';
import { buildEncoder, buildErrors } from '../wired-graph.js';
import { type Route, buildChosen, buildRoute, expertFeatures, routedOf, routerParameters } from './router.js';

/** Weight of the balance term where none is given. */
export const BALANCE = 0.01;
/** Less than any z: features of other experts come last, and relu makes them 0. */
const NEVER = -3e38;

/** The tensors of a plain dictionary of all features, and the router's. @param kind not routed */
export function learnedParameters(kind: Pick<Architecture, 'parameters'>, sizes: DictionarySizes): Parameter[] {
  const { routed: _, ...sites } = sizes.sites;
  return [...kind.parameters({ ...sizes, sites }), ...routerParameters(sizes)];
}

/** Training's forward pass, and inference's. @throws InputError for another kind than topk */
export function buildLearnedForward(tape: Tape, inputs: StepInputs): Forward {
  const { g } = tape;
  const routed = routedOf(inputs.sites);
  const route = routeOf(tape, inputs);
  const { centred, z } = buildEncoder(tape, inputs, { centres: true, bias: 'b_enc' });
  const each = expertFeatures(inputs.features, routed);
  const byExpert = g.op('Reshape', [z, g.integers(-1, routed.experts, each)]);
  const mask = g.op('Unsqueeze', [buildChosen(g, route.expert, routed), g.integers(2)]);
  const masked = g.op('Where', [mask, byExpert, g.scalar(NEVER)]);
  const own = g.op('Reshape', [masked, g.integers(-1, inputs.features)]);
  return buildWeighted(tape, inputs, { z: own, centred, weight: route.weight as Value });
}

/** The forward pass of one expert on rows that are its own. @param weight p of each row [B, 1] */
export function buildOwnExpert(tape: Tape, inputs: StepInputs, weight: Value): Forward {
  const { centred, z } = buildEncoder(tape, inputs, { centres: true, bias: 'b_enc' });
  return buildWeighted(tape, inputs, { z, centred, weight });
}

function buildWeighted(
  tape: Tape,
  inputs: StepInputs,
  { z, centred, weight }: { readonly z: Value; readonly centred: Value | null; readonly weight: Value },
): Forward {
  const { g } = tape;
  const chosen = buildLargestPairs(g, z, settingOf(inputs.settings, 'k'));
  const f = { ...chosen, value: g.op('Mul', [chosen.value, weight]) };
  return { z, f, errors: buildErrors(tape, inputs, { f, centred }).errors, backward: null };
}

/** Σ‖e‖² and the balance term. */
export function buildLearnedLoss(tape: Tape, { inputs, squaredError }: LossInputs): Loss {
  const { g } = tape;
  const routed = routedOf(inputs.sites);
  const { expert, probabilities } = routeOf(tape, inputs);
  const chosen = g.op('Cast', [buildChosen(g, expert, routed)], { attributes: { to: DATA_TYPE[g.float] } });
  const mean = (of: Value): Value => g.op('ReduceMean', [of, g.integers(0)], { attributes: { keepdims: 0 } });
  const shares = g.op('Mul', [tape.detach(mean(chosen)), mean(probabilities as Value)]);
  const sum = g.op('ReduceSum', [shares, g.integers(0)], { attributes: { keepdims: 0 } });
  const weight = (routed.balance ?? BALANCE) * routed.experts;
  return { squares: squaredError, sparsity: g.op('Mul', [sum, g.scalar(weight)]) };
}

function routeOf({ g }: Tape, inputs: StepInputs): Route {
  const routed = routedOf(inputs.sites);
  if (routed.kind === 'learned')
    return buildRoute(g, { routed, x: inputs.reads[0] as Value, parameters: inputs.parameters });
  throw new InputError(`Expected a learned router, found ${routed.kind}.`, { kind: routed.kind });
}
