// How a feature's strongest examples look to a person. Pure.
import type { z } from 'zod';
import type { findDocument, topDocument } from '../../schemas/documents/features.js';
import { textTable } from '../terminal/table.js';
import type { Block, MarkedLine, Text } from '../terminal/text.js';
import { cutTo } from '../terminal/width.js';
import { labelName } from './label-text.js';
import { countText, counted, valueFormat } from './quantities.js';
import { profileLines } from './profile-text.js';
import { tokenName } from './token-text.js';

type Example = z.infer<typeof topDocument>['examples'][number];

/** The feature's head line, then each example: value, document and place, and its text below. */
export function topText(top: z.infer<typeof topDocument>): Text {
  const { dict, feature, n, density, label, topTokens, examples } = top;
  const head = `${dict}  feature ${feature}: fires on ${counted(n, 'row')} (density ${density.toExponential(2)})`;
  const format = valueFormat(examples.map(({ value }) => value));
  const named = label === null ? [] : [`label: ${labelName(label)}`];
  if (examples.length === 0) return [head, ...named, 'No examples: it never fires.'];
  return [
    head,
    ...named,
    ...(topTokens.length > 0 ? [mostText(topTokens)] : []),
    ...profileLines(top),
    ...examples.flatMap((example) => exampleBlocks(example, format)),
  ];
}

function mostText(tokens: z.infer<typeof topDocument>['topTokens']): string {
  return `most often on ${tokens.map((token) => `${tokenName(token)}×${countText(token.n)}`).join(', ')}`;
}

function exampleBlocks(example: Example, format: (value: number) => string): Block[] {
  const place = `${example.docId}, token ${example.pos} (${example.split})`;
  return [`${format(example.value).padStart(8)}  ${place}`, exampleLine(example)];
}

/** The tokens as one line, those on which the feature fires marked by value / greatest value of the stretch. */
function exampleLine({ tokens, values }: Pick<Example, 'tokens' | 'values'>): MarkedLine {
  const greatest = Math.max(0, ...values);
  const pieces = tokens.map((text, i) => {
    const value = values[i] ?? 0;
    return { text, strength: value > 0 ? value / greatest : 0 };
  });
  return { indent: 10, pieces };
}

/** One line per token with its strongest features. */
export function findText(found: z.infer<typeof findDocument>, most: number): Text {
  const values = found.tokens.flatMap(({ features }) => features.slice(0, most).map(({ value }) => value));
  const format = valueFormat(values);
  const rows = found.tokens.map(({ pos, token, stored, features }) => [
    String(pos),
    token,
    stored ? featureCell(features, { most, format }) : '(position not kept by the run)',
  ]);
  const columns = [{ title: 'pos', right: true }, { title: 'token' }, { title: 'feature: value' }];
  return [`${found.dict} at ${found.site}`, textTable(columns, rows)];
}

/** Columns of a label beside a feature's number. */
const LABEL_COLUMNS = 32;

function featureCell(
  features: readonly { feature: number; value: number; label: string | null }[],
  { most, format }: { readonly most: number; readonly format: (value: number) => string },
): string[] {
  const nameOf = (label: string | null): string => (label === null ? '' : ` ${cutTo(label, LABEL_COLUMNS)}`);
  const shown = features
    .slice(0, most)
    .map(({ feature, value, label }) => `${feature}${nameOf(label)}: ${format(value)}`);
  const more = features.length - shown.length;
  const all = [...shown, ...(more > 0 ? [`and ${countText(more)} more`] : [])];
  return all.length > 0 ? all : ['none'];
}
