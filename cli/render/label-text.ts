// How labels look to a person. Pure.
import type { z } from 'zod';
import type { featureLabel, labelDocument } from '../../schemas/documents/labels.js';
import { textTable } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { counted, countText } from './quantities.js';

/** What was asked for decides the head line. */
export function labelsText(document: z.infer<typeof labelDocument>, asked: 'list' | 'give' | 'remove' | 'file'): Text {
  const { dict, labels, total, changed } = document;
  const head = {
    list: `${dict}: ${counted(total, 'label')}`,
    give: `${dict}: ${changed === 0 ? 'it is called so already' : 'labelled'}`,
    remove: `${dict}: removed${labels.length > 0 ? '; its automatic label shows again' : ''}`,
    file: `${dict}: ${counted(total, 'label')} given, ${changed === total ? 'all' : countText(changed)} of them new`,
  }[asked];
  if (labels.length === 0) return asked === 'list' ? `${dict}: no labels` : head;
  const columns = [
    { title: 'feature', right: true },
    { title: 'label' },
    { title: 'source' },
    { title: 'score', right: true, spare: 1 },
  ];
  const shown = asked === 'file' ? labels.slice(0, SHOWN) : labels;
  const rows = shown.map(({ feature, label, source, score, n }) => [
    String(feature),
    label,
    source,
    scoreText(score, n),
  ]);
  const more = total - shown.length;
  return [head, textTable(columns, rows), ...(more > 0 ? [`and ${countText(more)} more`] : [])];
}

/** Of what a file gave. */
const SHOWN = 5;

/** `0.87 of 60`; empty without one. */
function scoreText(score: number | null, n: number): string {
  return score === null ? '' : `${score.toFixed(2)} of ${countText(n)}`;
}

/** `names of villages`, an automatic one marked with its score. */
export function labelName(label: z.infer<typeof featureLabel> | null | undefined): string {
  if (!label) return '';
  if (label.source === 'user') return label.label;
  return `${label.label} (auto${label.score === null ? '' : ` ${label.score.toFixed(2)}`})`;
}
