// How a feature's strongest examples look to a person. Pure.
import type { z } from 'zod';
import type { topDocument } from '../../schemas/cli-json.js';
import { highlight } from './highlight.js';
import { countText, valueText } from './quantities.js';

/** The feature's head line, then each example: value, document and place, and its text below. */
export function topText(
  top: z.infer<typeof topDocument>,
  options: { readonly colour: boolean },
): string {
  const { dict, feature, n, density, examples } = top;
  const head = `${dict}  feature ${feature}: fires on ${countText(n)} rows (density ${density.toExponential(2)})`;
  if (examples.length === 0) return `${head}\nNo examples: it never fires.`;
  const blocks = examples.map((example) => {
    const place = `${example.docId}, token ${example.pos} (${example.split})`;
    return `${valueText(example.value).padStart(8)}  ${place}\n          ${highlight(example.tokens, example.values, options)}`;
  });
  return [head, ...blocks].join('\n');
}
