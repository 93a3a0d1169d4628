// How a feature's strongest examples look to a person. Pure.
import type { z } from 'zod';
import type { findDocument, topDocument } from '../../schemas/documents/features.js';
import { highlight, oneLine } from './highlight.js';
import { countText, valueText } from './quantities.js';
import { textTable } from './text-table.js';

/** The feature's head line, then each example: value, document and place, and its text below. */
export function topText(top: z.infer<typeof topDocument>, options: { readonly colour: boolean }): string {
  const { dict, feature, n, density, examples } = top;
  const head = `${dict}  feature ${feature}: fires on ${countText(n)} rows (density ${density.toExponential(2)})`;
  if (examples.length === 0) return `${head}\nNo examples: it never fires.`;
  const blocks = examples.map((example) => {
    const place = `${example.docId}, token ${example.pos} (${example.split})`;
    return `${valueText(example.value).padStart(8)}  ${place}\n          ${highlight(example.tokens, example.values, options)}`;
  });
  return [head, ...blocks].join('\n');
}

/** One line per token with its strongest features. */
export function findText(found: z.infer<typeof findDocument>, most: number): string {
  const rows = found.tokens.map(({ pos, token, stored, features }) => [
    String(pos),
    oneLine(token),
    stored ? featuresText(features, most) : '(position not kept by the run)',
  ]);
  const columns = [{ title: 'pos', right: true }, { title: 'token' }, { title: 'feature: value' }];
  return [`${found.dict} at ${found.site}`, textTable(columns, rows)].join('\n');
}

function featuresText(features: readonly { feature: number; value: number }[], most: number): string {
  const shown = features.slice(0, most).map(({ feature, value }) => `${feature}: ${valueText(value)}`);
  const more = features.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('  ') || 'none';
}
