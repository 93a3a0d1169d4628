// What `assay model inspect` says of a model, as its JSON document. Pure.
import type { z } from 'zod';
import type { BrokenIdentity } from '../../core/hooks/identities.js';
import type { modelInspectDocument } from '../../schemas/documents/models.js';
import type { ModelSummary } from '../../models/open-model.js';

type Document = z.infer<typeof modelInspectDocument>;

/**
 * The document; a site that breaks an equation is listed as not certain, with the numbers.
 * @param check the equations that do not hold, or why they could not be checked
 */
export function inspectDocument(
  file: string,
  summary: ModelSummary,
  check: readonly BrokenIdentity[] | string,
): Document {
  const broken = typeof check === 'string' ? [] : check;
  const { digest, layers, width, vocab, maxPositions, norm, opset, producer } = summary;
  const { firstId } = summary;
  const { heads, kvHeads, dHead, dMlp } = summary;
  const reasons = new Map(broken.flatMap((one) => one.sites.map((site) => [site, breach(one)])));
  return {
    file,
    family: summary.family,
    digest,
    layers,
    width,
    vocabulary: vocab - firstId,
    firstId,
    positions: maxPositions,
    positionStart: summary.inputs.find(({ role }) => role === 'positions')?.start ?? null,
    norm,
    inputs: summary.inputs.map((input) => input.name),
    outputs: [...summary.outputs],
    result: summary.results.result,
    logits: summary.results.logits,
    beyond: summary.results.beyond.map((one) => ({ ...one })),
    dynamicQuantisation: summary.dynamicQuantisation,
    opset,
    producer,
    heads,
    kvHeads,
    dHead,
    dMlp,
    sites: summary.sites
      .filter(({ name }) => !reasons.has(name))
      .map((site) => ({
        site: site.name,
        tensor: site.tensor,
        width: site.width,
        axes: [...site.axes],
        shape: [...site.sizes],
      })),
    unchecked: typeof check === 'string' ? check : null,
    unresolved: [...summary.unresolved, ...[...reasons].map(([site, reason]) => ({ site, reason }))],
  };
}

function breach({ equation, error, tolerance, notFinite, found }: BrokenIdentity): string {
  if (notFinite !== undefined)
    return `not checked: the model gives NaN or infinity at ${notFinite} (weights that hold it, or an overflow)`;
  if (found !== undefined) return `expected ${equation}, found ${found}`;
  return `breaks ${equation}: error ${error.toPrecision(3)}, allowed ${tolerance}`;
}
